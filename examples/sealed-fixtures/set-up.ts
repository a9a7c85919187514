import { sealFixtures } from 'postern/testing'
import { shop } from './shop.ts'

export default sealFixtures(shop)

import { z } from 'zod'

/** A validator of any library that follows Standard Schema, version 1: Valibot, ArkType, zod and others. */
export interface StandardSchema<Input = unknown, Output = Input> {
  readonly '~standard': {
    readonly version: 1
    readonly vendor: string
    readonly validate: (value: unknown) => StandardResult<Output> | Promise<StandardResult<Output>>
    readonly types?: { readonly input: Input; readonly output: Output } | undefined
  }
}

type StandardResult<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | {
      readonly issues: readonly {
        readonly message: string
        readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined
      }[]
    }

/** What a validator takes and gives. */
export type StandardInput<V extends StandardSchema> = NonNullable<V['~standard']['types']>['input']
export type StandardOutput<V extends StandardSchema> = NonNullable<V['~standard']['types']>['output']

/** Whether a value is a validator; some libraries make functions. */
export const isStandardSchema = (value: unknown): value is StandardSchema =>
  ((typeof value === 'object' && value !== null) || typeof value === 'function') && '~standard' in value

/**
 * A zod type that first is of `base`, so that the kind stays what the field says, and then passes the validator. An
 * asynchronous validator is an issue of every value: a field is judged while its row is locked.
 */
export function validatedBy<V extends StandardSchema>(
  base: z.ZodType,
  validator: V,
): z.ZodType<StandardOutput<V>, StandardInput<V>> {
  const type = base.transform((value, context) => {
    const result = validator['~standard'].validate(value)
    if ('then' in result) {
      context.addIssue({ code: 'custom', message: 'the validator of this field is asynchronous' })
      // its rejection, if it comes to one, is of nobody's interest
      Promise.resolve(result).catch(() => {})
      return z.NEVER
    }
    if (result.issues === undefined) return result.value
    for (const { message, path = [] } of result.issues) {
      const steps = path.map((step) => (typeof step === 'object' ? step.key : step))
      context.addIssue({ code: 'custom', message, path: steps })
    }
    return z.NEVER
  })
  return type as unknown as z.ZodType<StandardOutput<V>, StandardInput<V>>
}

export default function Page() {
  return <p>The source is at /api/source.</p>
}

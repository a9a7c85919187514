/** One circle for each group of nodes that reach each other, as a path; empty when the graph has none. */
export function circlesOf(graph: ReadonlyMap<string, readonly string[]>): string[][] {
  const circles: string[][] = []
  const told = new Set<string>()
  for (const start of graph.keys()) {
    if (told.has(start)) continue
    const ways = waysFrom(graph, start)
    const last = [...ways.keys()].find((node) => graph.get(node)?.includes(start))
    if (last === undefined) continue
    const circle = [last]
    while (circle[0] !== start) circle.unshift(ways.get(circle[0] as string) as string)
    circles.push(circle)
    for (const node of ways.keys()) if (waysFrom(graph, node).has(start)) told.add(node)
  }
  return circles
}

/** Every node that `start` reaches, itself among them, with the node before it on a shortest way. */
function waysFrom(graph: ReadonlyMap<string, readonly string[]>, start: string): Map<string, string> {
  const ways = new Map([[start, start]])
  for (const node of ways.keys()) {
    for (const next of graph.get(node) ?? []) if (!ways.has(next)) ways.set(next, node)
  }
  return ways
}

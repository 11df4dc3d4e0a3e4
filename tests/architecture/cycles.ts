/**
 * Import cycles between files. An import of types alone counts too.
 *
 * @module
 */
import { importsOf, type SourceFile, targetOf } from "./sources.ts";

/**
 * Finds the cycles by Tarjan's algorithm for strongly connected components.
 *
 * @returns for each component of several files one shortest cycle through its first file, which stands at both ends.
 */
export function importCycles(files: readonly SourceFile[]): readonly (readonly string[])[] {
  const graph = graphOf(files);
  return componentsOf(graph).filter((component) => component.length > 1).map((component) => {
    const [first = "", ...rest] = component.toSorted();
    return cycleThrough(first, new Set([first, ...rest]), graph);
  }).toSorted();
}

type Graph = ReadonlyMap<string, readonly string[]>;

function graphOf(files: readonly SourceFile[]): Graph {
  const paths = new Set(files.map(({ path }) => path));
  return new Map(files.map(({ path, text }) => {
    const targets = importsOf(text).filter((one) => one.startsWith(".")).map((one) => targetOf(path, one));
    return [path, targets.filter((target) => paths.has(target))];
  }));
}

function componentsOf(graph: Graph): readonly (readonly string[])[] {
  const [numbers, lows] = [new Map<string, number>(), new Map<string, number>()];
  const [stack, onStack, found] = [[] as string[], new Set<string>(), [] as string[][]];
  const visit = (path: string): number => {
    const number = numbers.size;
    numbers.set(path, number);
    let low = number;
    stack.push(path);
    onStack.add(path);
    for (const target of graph.get(path) ?? []) {
      if (!numbers.has(target)) low = Math.min(low, visit(target));
      else if (onStack.has(target)) low = Math.min(low, lows.get(target) ?? numbers.get(target) ?? low);
    }
    lows.set(path, low);
    if (low === number) {
      const component = stack.splice(stack.indexOf(path));
      for (const one of component) onStack.delete(one);
      found.push(component);
    }
    return low;
  };
  for (const path of graph.keys()) if (!numbers.has(path)) visit(path);
  return found;
}

function cycleThrough(start: string, component: ReadonlySet<string>, graph: Graph): readonly string[] {
  const before = new Map<string, string>();
  const waiting = [start];
  for (const path of waiting) {
    for (const target of graph.get(path) ?? []) {
      if (target === start) {
        const way = [start];
        for (let at: string | undefined = path; at !== undefined; at = before.get(at)) way.unshift(at);
        return way;
      }
      if (!component.has(target) || before.has(target)) continue;
      before.set(target, path);
      waiting.push(target);
    }
  }
  return [start];
}

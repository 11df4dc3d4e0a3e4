/**
 * The methods of each route, for the header `Allow` of an answer with status 405 (RFC 9110, 15.5.6).
 *
 * @module
 */

/** A route: its path, or the beginning of its paths with a star behind it. */
interface MethodRow {
  readonly path: string;
  readonly methods: readonly string[];
}

/** See the module. */
export class AllowedMethods {
  readonly #rows: MethodRow[] = [];

  /** @param path as hono takes it: a path, or a beginning with a star behind it. */
  add(path: string, methods: readonly string[]): void {
    this.#rows.push({ path, methods });
  }

  /** The methods of all routes of a path, sorted; none for a path without a route. */
  of(path: string): readonly string[] {
    const found = this.#rows.filter((row) =>
      row.path.endsWith("*") ? path.startsWith(row.path.slice(0, -1)) : path === row.path
    );
    return [...new Set(found.flatMap(({ methods }) => methods))].toSorted();
  }
}

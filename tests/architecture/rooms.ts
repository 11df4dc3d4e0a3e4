/**
 * The rooms: the folders of the program, in the order in which they may import each other.
 *
 * @module
 */
import assert from "node:assert/strict";

/** From the top to the bottom. A room imports only from rows below its own. */
export const order = [
  ["main.ts"],
  ["lib/cli/trousseau", "lib/cli/clectl"],
  ["lib/cli"],
  ["lib/app"],
  ["lib/config"],
  ["lib/conformance"],
  ["lib/services/kms", "lib/services/sops", "lib/services/keyring"],
  ["lib/cluster"],
  ["lib/kek"],
  ["lib/envelope"],
  ["lib/provider"],
  ["lib/api/kms", "lib/api/sops", "lib/api/keyring"],
  ["lib/net/socket"],
  ["lib/net/grpc", "lib/net/etcd"],
  ["lib/net/http2", "lib/net/https"],
  ["lib/telemetry", "lib/release"],
  ["lib/base"],
] as const satisfies readonly (readonly string[])[];

/** The path of a room. */
export type Room = typeof order[number][number];

const rooms: readonly Room[] = order.flat();

/** The room of a file. */
export function roomOf(path: string): Room {
  const room = rooms.find((one) => path === one || path.startsWith(`${one}/`));
  assert.ok(room !== undefined, `${path} is in no room that tests/architecture/rooms.ts lists`);
  return room;
}

/** The row of a room; 0 is the top. */
export function rowOf(room: Room): number {
  return order.findIndex((row) => (row as readonly Room[]).includes(room));
}

/** The order as a Markdown list: one line for each row. */
export function orderText(): string {
  return order.map((row, index) => `${index + 1}. ${row.map((room) => `\`${room}\``).join(", ")}`).join("\n");
}

/**
 * The complaint about a text that lists the rooms in backquotes, with `lib/` before them or without it, from the top to the
 * bottom or from the bottom to the top; rooms of one row may stand in any order.
 *
 * @returns `undefined` if the text has each room once and in order.
 */
export function complaintAboutOrder(text: string): string | undefined {
  const named = [...text.matchAll(/`(?:lib\/)?([^`\n]+?)\/?`/g)].flatMap(([, name]) =>
    rooms.filter((room) => room === name || room === `lib/${name}`)
  );
  const missing = rooms.filter((room) => room !== "main.ts" && !named.includes(room));
  if (missing.length > 0) return `It does not name ${missing.join(", ")}.`;
  if (new Set(named).size < named.length) return "It names a room twice.";
  const fromTop = named[0] === "lib/base" ? named.toReversed() : named;
  const wrong = fromTop.find((room, index) => index > 0 && rowOf(room) < rowOf(fromTop[index - 1] ?? room));
  return wrong === undefined ? undefined : `${wrong} is not at its place.`;
}

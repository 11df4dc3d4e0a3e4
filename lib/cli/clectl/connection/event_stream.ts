/**
 * Server-sent events (HTML Living Standard, 9.2.6), as far as the keyring sends them.
 *
 * @module
 */
import { KmsError } from "../../../base/errors.ts";

/** One event. */
export interface ServerEvent {
  /** `message` if the event has no type. */
  readonly type: string;
  readonly data: string;
}

/** Maximum length of an event in characters. */
const maxEvent = 65_536;

/**
 * The events of a stream. Comments, which keep the connection open, are left out, and so is an event that the end of the
 * stream cuts off.
 *
 * @throws {KmsError} `provider_protocol` for an event that is too large or not UTF-8; errors of the stream.
 */
export async function* serverEvents(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<ServerEvent> {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  let rest = "";
  for await (const chunk of chunks) {
    rest += decoded(decoder, chunk);
    // A line feed may still follow a carriage return at the end.
    const whole = rest.endsWith("\r") ? rest.slice(0, -1) : rest;
    const blocks = whole.replaceAll(/\r\n?/g, "\n").split("\n\n");
    rest = (blocks.pop() ?? "") + rest.slice(whole.length);
    if (rest.length > maxEvent) throw new KmsError("provider_protocol", "An event of the keyring is too large.");
    for (const block of blocks) {
      const event = eventOf(block);
      if (event !== undefined) yield event;
    }
  }
}

function decoded(decoder: TextDecoder, chunk: Uint8Array): string {
  try {
    return decoder.decode(chunk, { stream: true });
  } catch {
    throw new KmsError("provider_protocol", "The events of the keyring are not UTF-8.");
  }
}

function eventOf(block: string): ServerEvent | undefined {
  let type = "message";
  const data: string[] = [];
  for (const text of block.split("\n")) {
    const [, name, value = ""] = /^([^:]+)(?:: ?(.*))?$/s.exec(text) ?? [];
    if (name === "event") type = value;
    if (name === "data") data.push(value);
  }
  return data.length === 0 ? undefined : { type, data: data.join("\n") };
}

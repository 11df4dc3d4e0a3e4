/**
 * JSON whose numbers stay as they are written. JavaScript reads `12345678901234567890` and `1.50` as other texts.
 *
 * @module
 */

/** The members of JSON that TypeScript's library lacks (ECMAScript proposal JSON.parse source text access). */
interface ExactJson {
  parse(text: string, reviver: (key: string, value: unknown, context?: { source?: string }) => unknown): unknown;
  rawJSON(source: string): unknown;
  isRawJSON?(value: unknown): boolean;
}

const exactJson = JSON as unknown as ExactJson;

/**
 * Parses a text. A number that JavaScript would write in another way becomes an object that `JSON.stringify` writes as
 * the text has it.
 *
 * @throws {SyntaxError}
 */
export function parseExactJson(text: string): unknown {
  return exactJson.parse(text, (_, value, context) => {
    const source = context?.source;
    const isChanged = typeof value === "number" && source !== undefined && String(value) !== source;
    return isChanged ? exactJson.rawJSON(source) : value;
  });
}

/** Whether a value of {@linkcode parseExactJson} is an object of the text, and neither a list nor a number. */
export function isJsonObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value) && exactJson.isRawJSON?.(value) !== true;
}

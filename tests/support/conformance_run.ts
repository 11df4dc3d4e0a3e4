/**
 * One run of `tryPlugin()` with a plugin double.
 *
 * @module
 */
import type { PluginDouble } from "./plugin_double.ts";
import { criteria, type PluginCriterion } from "../../lib/conformance/criteria.ts";

export const { signal } = new AbortController();

export const criterionNames = Object.keys(criteria) as PluginCriterion[];

export const byHand = criterionNames.slice(
  criterionNames.indexOf("a new key version is a new key_id"),
  criterionNames.indexOf("Version says v1beta1"),
);

/** Ends the process, as a careless plugin can, if the last byte but one differs from the sealed one. */
export function endsAtChange(plugin: PluginDouble, api: "v2" | "v1beta1", part: "ciphertext" | "cipher"): void {
  const given: Uint8Array[] = [];
  plugin.overrides[`${api} Encrypt`] = (_, sound) => {
    const answer = sound();
    given.push(answer[part]);
    return answer;
  };
  plugin.overrides[`${api} Decrypt`] = (request, sound) => {
    const asked: Uint8Array = request[part];
    // A result can share its beginning or end with another one: each is compared completely.
    if (!given.some((one) => changedAt(one, asked) === asked.length - 2)) return sound();
    void plugin.die();
    return new Promise(() => {});
  };
}

/** Index of the only byte in which two texts of equal length differ. */
function changedAt(one: Uint8Array, other: Uint8Array): number | undefined {
  if (one.length !== other.length) return undefined;
  const places = [...one.keys()].filter((place) => one[place] !== other[place]);
  return places.length === 1 ? places[0] : undefined;
}

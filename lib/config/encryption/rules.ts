/**
 * The lists of resources that kube-apiserver refuses in an EncryptionConfiguration.
 *
 * The rules are those of k8s.io/apiserver 0.36.3: `ValidateEncryptionConfiguration` for one list, and the loading of
 * transformers for names that an earlier list covers.
 *
 * @module
 */

/** A resource's name and its group (`""` for the core group); either can be `*`. */
export interface GroupResource {
  readonly resource: string;
  readonly group: string;
}

/** Splits at the first dot, as kube-apiserver does: `secrets.` and `secrets` are the same. */
export function parseResource(text: string): GroupResource {
  const dot = text.indexOf(".");
  return dot < 0 ? { resource: text, group: "" } : { resource: text.slice(0, dot), group: text.slice(dot + 1) };
}

/** Whether a wildcard covers a resource. No name covers itself. */
export function covers(wildcard: string, text: string): boolean {
  const [by, one] = [parseResource(wildcard), parseResource(text)];
  if (by.resource !== "*" || same(by, one)) return false;
  return by.group === "*" || by.group === one.group;
}

/** Whether two texts name the same resource. */
export function sameResource(a: string, b: string): boolean {
  return same(parseResource(a), parseResource(b));
}

function same(a: GroupResource, b: GroupResource): boolean {
  return a.resource === b.resource && a.group === b.group;
}

/** A reason to refuse a list: the end of a sentence about the name at `index`. */
export interface ListMistake {
  readonly index: number;
  /** Whether the name is wrong by itself, or only in combination with others. */
  readonly of: "name" | "list";
  readonly text: string;
}

/** All mistakes in one list for which kube-apiserver refuses it, in the order of the list. */
export function listMistakes(list: readonly string[]): ListMistake[] {
  return list.flatMap((name, index): ListMistake[] => {
    const ofName = nameMistake(name);
    if (ofName !== undefined) return [{ index, of: "name", text: ofName }];
    const isSecond = list.slice(0, index).some((other) => sameResource(other, name));
    const ofList = isSecond ? "stands in the list twice" : overlapMistake(name, list);
    return ofList === undefined ? [] : [{ index, of: "list", text: ofList }];
  });
}

/** A name in a list that an earlier list covers. */
export interface MaskedName {
  /** Index of the list. */
  readonly entry: number;
  /** Index of the name in the list. */
  readonly index: number;
  /** The wildcard in the earlier list. */
  readonly by: string;
}

/** The names that earlier lists cover: one of them makes kube-apiserver refuse the whole file. */
export function maskedNames(lists: readonly (readonly string[])[]): MaskedName[] {
  return lists.flatMap((list, entry) => {
    const earlier = lists.slice(0, entry).flat();
    return list.flatMap((name, index) => {
      const repeated = (by: string) => parseResource(by).resource === "*" && sameResource(by, name);
      const by = earlier.find((one) => covers(one, name) || repeated(one));
      return by === undefined ? [] : [{ entry, index, by }];
    });
  });
}

/** Resources that kube-apiserver stores in etcd for itself, under these names, without an API. */
const withoutApi = ["apiserveripinfo", "serviceipallocations", "servicenodeportallocations"];

function nameMistake(name: string): string | undefined {
  const { resource, group } = parseResource(name);
  if (name.toLowerCase() !== name) return "is no resource: kube-apiserver refuses capital letters";
  if (name === "*") return 'is no resource: kube-apiserver wants "*." for the core group or "*.*" for everything';
  if (withoutApi.includes(name)) return "has no REST API, and kube-apiserver refuses to encrypt it";
  if (group === "events.k8s.io") {
    return 'is refused by kube-apiserver, which stores all events in the core group; write "events"';
  }
  if (group === "extensions") return 'is refused by kube-apiserver, since the group "extensions" was removed';
  if (group === "*" && resource !== "*") {
    return "is refused by kube-apiserver, which takes no resource across all groups; name its group";
  }
  return undefined;
}

function overlapMistake(name: string, list: readonly string[]): string | undefined {
  const covered = list.find((other) => covers(name, other));
  return covered === undefined
    ? undefined
    : `covers "${covered}" of the same list, and kube-apiserver refuses overlaps; leave one of them out`;
}

/**
 * The XML export of KeePass 2, which is not encrypted.
 *
 * @module
 */
import { utf8Text } from "../../../base/bytes.ts";
import { fieldNameOf, ImportBuilder, type ImportedFile, textOf, UnreadableImportError } from "./rows.ts";
import { childrenOf, childText, type XmlElement, xmlElement } from "./xml.ts";

/** Names of KeePass' own fields. */
const ownFields: Readonly<Record<string, string>> = {
  UserName: "username",
  Password: "password",
  URL: "url",
  Notes: "notes",
};

/** Reads an export. Groups are folders; the outermost one, which is named after the database, is not. */
export async function readKeepass(bytes: Uint8Array): Promise<ImportedFile> {
  const text = utf8Text(bytes);
  if (text === undefined) throw new UnreadableImportError("it is not UTF-8");
  const root = await xmlElement(text);
  const [top] = childrenOf(root, "Root").flatMap((one) => childrenOf(one, "Group"));
  if (root.name !== "KeePassFile" || top === undefined) {
    throw new UnreadableImportError("it is no XML export of KeePass 2");
  }
  const [bin] = childrenOf(root, "Meta").map((meta) => childText(meta, "RecycleBinUUID"));
  const builder = new ImportBuilder();
  addGroup(builder, top, [], bin || undefined);
  return builder.end();
}

function addGroup(
  builder: ImportBuilder,
  group: XmlElement,
  folders: readonly string[],
  bin: string | undefined,
): void {
  for (const entry of childrenOf(group, "Entry")) addEntry(builder, entry, folders);
  for (const inner of childrenOf(group, "Group")) {
    const name = childText(inner, "Name");
    const place = `group ${JSON.stringify([...folders, name].join("/"))}`;
    if (bin !== undefined && childText(inner, "UUID") === bin) builder.leaveOut(place, "it is the recycle bin");
    else if (name.includes("/")) builder.complain(place, "its name has a slash; rename it");
    else addGroup(builder, inner, [...folders, name], bin);
  }
}

function addEntry(builder: ImportBuilder, entry: XmlElement, folders: readonly string[]): void {
  const strings = childrenOf(entry, "String").map((string) => ({
    key: childText(string, "Key"),
    value: childText(string, "Value"),
    isProtected: childrenOf(string, "Value").some(({ attributes }) =>
      attributes["Protected"]?.toLowerCase() === "true"
    ),
  }));
  const title = strings.find(({ key }) => key === "Title")?.value ?? "";
  const place = `entry ${JSON.stringify([...folders, title].join("/"))}`;
  if (title.includes("/")) return builder.complain(place, "its title has a slash; rename it");
  if (strings.some(({ isProtected, value }) => isProtected && value !== "")) {
    return builder.complain(place, "it is encrypted; export it from KeePass as KeePass XML (2.x)");
  }
  if (childrenOf(entry, "Binary").length > 0) builder.leaveOut(place, "its attachments are not imported");
  const fields = strings.filter(({ key }) => key !== "Title").map(({ key, value }) =>
    textOf(ownFields[key] ?? fieldNameOf(key), value)
  );
  builder.add(place, [...folders, title].join("/"), fields);
}

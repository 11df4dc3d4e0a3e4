/**
 * XML as a tree of elements. Documents with a DTD are refused, so that entities are those of XML itself.
 *
 * @module
 */
import { importFileLimits, UnreadableImportError } from "./rows.ts";

/** An element. */
export interface XmlElement {
  readonly name: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly children: readonly XmlElement[];
  /** The text directly inside, without that of the children. */
  readonly text: string;
}

interface OpenElement {
  readonly name: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly children: OpenElement[];
  text: string;
}

/** The root of a document. @throws {UnreadableImportError} */
export async function xmlElement(document: string): Promise<XmlElement> {
  const { SaxesParser } = await import("./saxes_package.ts");
  const parser = new SaxesParser();
  const open: OpenElement[] = [];
  let root: OpenElement | undefined;
  parser.on("error", () => {
    throw new UnreadableImportError("it is not well-formed XML");
  });
  parser.on("doctype", () => {
    throw new UnreadableImportError("it has a DTD");
  });
  parser.on("opentag", ({ name, attributes }) => {
    const element = { name, attributes, children: [], text: "" };
    if (open.length > importFileLimits.depth) throw new UnreadableImportError("its elements are nested too deeply");
    open.at(-1)?.children.push(element);
    root ??= element;
    open.push(element);
  });
  parser.on("closetag", () => void open.pop());
  const addText = (text: string) => {
    const element = open.at(-1);
    if (element !== undefined) element.text += text;
  };
  parser.on("text", addText);
  parser.on("cdata", addText);
  parser.write(document).close();
  if (root === undefined) throw new UnreadableImportError("it is not XML");
  return root;
}

/** The children of a name. */
export function childrenOf(element: XmlElement, name: string): readonly XmlElement[] {
  return element.children.filter((child) => child.name === name);
}

/** The text of the first child of a name; empty if there is none. */
export function childText(element: XmlElement, name: string): string {
  return element.children.find((child) => child.name === name)?.text ?? "";
}

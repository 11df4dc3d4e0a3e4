/**
 * The table of findings in `docs/doctor.md`, made of the table of the command; run by `deno task docs:doctor`.
 *
 * @module
 */
import { join } from "node:path";
import { doctorGroups, type DoctorRow } from "../../lib/cli/trousseau/doctor/row.ts";
import { doctorRows } from "../../lib/cli/trousseau/doctor/rows.ts";
import { markdownTable } from "../support/markdown_table.ts";

/** The page. */
export const doctorPage = "docs/doctor.md";

const [begin, end] = ["<!-- table of findings -->\n", "\n<!-- /table of findings -->"];

/** The page with its table made anew. @throws {Error} if it lacks the marks. */
export function withDoctorTable(page: string): string {
  const [from, to] = [page.indexOf(begin), page.indexOf(end)];
  if (from < 0 || to < from) throw new Error(`Cannot write ${doctorPage}: the marks of the table are missing.`);
  return `${page.slice(0, from)}${begin}\n${groupTables()}\n${page.slice(to)}`;
}

function groupTables(): string {
  const rows = Object.entries<DoctorRow>(doctorRows);
  return Object.entries(doctorGroups).map(([group, title]) => {
    const ours = rows.filter(([, row]) => row.group === group && row.severity !== "ok");
    const cells = ours.map(([id, { severity, sentence, cure }]) => [`\`${id}\``, severity, cell(sentence), cell(cure)]);
    return `### ${title}\n\n${markdownTable(["finding", "severity", "sentence", "cure"], cells)}`;
  }).join("\n\n");
}

/** A text that Markdown shows unchanged. A placeholder is an ellipsis, and a sentence that is one its own description. */
function cell(text: string): string {
  const shown = text === "{message}" ? "the sentence of the failure" : text.replace(/\{\w+\}/g, "…");
  return shown.split("`").map((part, index) => index % 2 === 1 ? part : part.replace(/[\\|<>*_]/g, "\\$&")).join("`");
}

if (import.meta.main) {
  const path = join(new URL("../..", import.meta.url).pathname, doctorPage);
  await Deno.writeTextFile(path, withDoctorTable(await Deno.readTextFile(path)));
}

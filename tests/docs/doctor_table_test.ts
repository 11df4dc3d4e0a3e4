import { equal, throws } from "node:assert/strict";
import { join } from "node:path";
import { doctorPage, withDoctorTable } from "./doctor_table.ts";

const page = await Deno.readTextFile(join(new URL("../..", import.meta.url).pathname, doctorPage));

Deno.test("docs/doctor.md has the table of findings of the command", () => {
  equal(page, withDoctorTable(page), "run deno task docs:doctor");
});

Deno.test("withDoctorTable() refuses a page without its marks", () => {
  throws(() => withDoctorTable("# Doctor"), /marks/);
});

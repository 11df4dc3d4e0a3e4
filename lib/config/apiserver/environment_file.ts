/**
 * Files of `EnvironmentFile=` of systemd.
 *
 * @module
 */

/** Quoted parts, then a part without quotes; a backslash before the end of a line continues the value. */
const assignment = /^[ \t]*([A-Za-z_]\w*)[ \t]*=((?:'[^']*'|"(?:[^"\\]|\\[\s\S])*"|[ \t])*)((?:[^\n\\]|\\[\s\S])*)/gm;

/**
 * The variables in a file by the rules of systemd.exec(5). A line that is no assignment is left out, as are comments,
 * which no backslash continues since systemd 254.
 */
export function environmentIn(text: string): ReadonlyMap<string, string> {
  const matches = text.replace(/\r\n/g, "\n").matchAll(assignment);
  return new Map(
    [...matches].map(([, name = "", quoted = "", rest = ""]) => [name, `${quotedValue(quoted)}${plainValue(rest)}`]),
  );
}

/** The text of quoted parts; spaces between them do not count. */
function quotedValue(text: string): string {
  const parts = [...text.matchAll(/'([^']*)'|"((?:[^"\\]|\\[\s\S])*)"/g)];
  return parts.map(([, single, double = ""]) => single ?? double.replace(/\\(?:\n|(["\\`$]))/g, "$1")).join("");
}

function plainValue(text: string): string {
  return text.replace(/(?<!\\)[ \t\r]+$/, "").replace(/\\(?:\n|([\s\S]))/g, "$1");
}

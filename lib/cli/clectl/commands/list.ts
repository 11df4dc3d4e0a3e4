/**
 * The command `list`: the secrets and folders of a folder.
 *
 * @module
 */
import type { ListAnswer } from "../../../api/keyring/secret_schemas.ts";
import { exitCodes, type ExitStatus } from "../../exit_codes.ts";
import { folderAt } from "../arguments.ts";
import type { ClectlCall } from "../options.ts";
import { printRows } from "../output/print.ts";
import { visible } from "../output/visible.ts";
import { withSecrets } from "../session.ts";

/** `list [FOLDER]`: one level, or with `--recursive` all secrets below. */
export async function list(call: ClectlCall): Promise<ExitStatus> {
  const folder = folderAt(call);
  return await withSecrets(call, async (secrets) => {
    const entries = await Array.fromAsync(call.options.recursive ? secrets.listAll(folder) : secrets.list(folder));
    const header = ["path", "version", "updated", "expires", "labels"];
    await printRows(call, entries, header, entries.map(entryCells));
    return exitCodes.ok.status;
  });
}

function entryCells({ path, version, updatedAt, expiresAt, labels }: ListAnswer["entries"][number]): readonly string[] {
  return [visible(path), version?.toString() ?? "", updatedAt ?? "", expiresAt ?? "", labelCells(labels ?? {})];
}

/** Labels in one cell. */
export function labelCells(labels: Readonly<Record<string, string>>): string {
  return Object.entries(labels).map(([name, value]) => visible(`${name}=${value}`)).join(" ");
}

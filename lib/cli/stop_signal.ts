/**
 * The signals that end a program.
 *
 * @module
 */

/** A controller that is aborted by the first SIGINT or SIGTERM. A second one ends the process at once. */
export function stopSignal(): AbortController {
  const controller = new AbortController();
  const names = ["SIGINT", "SIGTERM"] as const;
  const onSignal = () => {
    for (const name of names) Deno.removeSignalListener(name, onSignal);
    controller.abort();
  };
  for (const name of names) Deno.addSignalListener(name, onSignal);
  return controller;
}

/**
 * Sentences with placeholders in braces, for tables of sentences. The compiler checks that each placeholder gets a text.
 *
 * @module
 */

/** The names of the placeholders of a template. */
export type PlaceholdersOf<Template extends string> = Template extends `${string}{${infer Name}}${infer Rest}`
  ? Name | PlaceholdersOf<Rest>
  : never;

/** Replaces each `{name}` by its text; one without a text stays. */
export function filledTemplate(template: string, texts: Readonly<Record<string, string>>): string {
  return template.replace(
    /\{(\w+)\}/g,
    (whole, name: string) => Object.hasOwn(texts, name) ? texts[name] ?? "" : whole,
  );
}

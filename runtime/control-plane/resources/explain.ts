import type * as z from 'zod';
import { explain as problems, problemText } from '../../../src/contract';

/** What is wrong with a document, a line each: path, the value that was found, the rule, and the fix where it is not the rule itself. */
export function explain(issues: readonly z.core.$ZodIssue[], document: unknown, schema: z.ZodType): string[] {
  return problems(issues, document, schema).map(problemText);
}

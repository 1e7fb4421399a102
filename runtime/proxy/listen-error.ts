/** A listener that cannot have its address. The rest of its snapshot can be in force without it. */
export class ListenError extends Error {
  override readonly name = 'ListenError';

  constructor(readonly listener: string, message: string, options?: ErrorOptions) {
    super(message, options);
  }
}

/** By name the listeners that are all that is wrong, with what is said of each; undefined where something else is wrong. */
export function listenFailures(error: unknown): ReadonlyMap<string, string> | undefined {
  const errors: readonly unknown[] = error instanceof AggregateError ? error.errors : [error];
  const failures = errors.filter((one) => one instanceof ListenError);
  if (failures.length === 0 || failures.length < errors.length) return undefined;
  return new Map(failures.map(({ listener, message }) => [listener, message]));
}

import type { MessageInit, Schema } from '../../xds';

/** The fields of a message as `create` takes them, without the message itself, so that they can be spread. */
export type Init<S extends Schema> = Exclude<MessageInit<S>, { $typeName: string }>;

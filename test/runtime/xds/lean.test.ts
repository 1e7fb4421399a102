import type { AnyDesc, DescFile, DescMessage } from '@bufbuild/protobuf';
import { BootstrapSchema, schemaOf } from '../../../runtime/xds';
import { registry } from '../../../runtime/xds/codec';

/** All files that descriptors of ours come from. */
function files(): Set<DescFile> {
  const found = new Set<DescFile>();
  const visit = (file: DescFile): void => {
    if (found.has(file)) return;
    found.add(file);
    file.dependencies.forEach(visit);
  };
  for (const { file } of registry) visit(file);
  return found;
}

function messages(types: readonly DescMessage[]): DescMessage[] {
  return types.flatMap((type) => [type, ...messages(type.nestedMessages)]);
}

test('no descriptor keeps what it was made of', () => {
  const all = [...files()].flatMap((file) => messages(file.messages));
  expect(all.length).toBeGreaterThan(200);
  for (const message of all) {
    const inside: AnyDesc[] = [message, ...message.fields, ...message.oneofs, ...message.nestedEnums.flatMap((type) => [type, ...type.values])];
    for (const descriptor of inside) expect(Object.keys((descriptor as { proto: object }).proto)).toEqual([]);
  }
});

test('fields are still found by name, and every descriptor says what it is', () => {
  const { field: fields } = BootstrapSchema;
  expect(Object.getPrototypeOf(fields)).toBeNull();
  expect(fields.staticResources.message!.typeName).toBe('envoy.config.bootstrap.v3.Bootstrap.StaticResources');
  expect(String(BootstrapSchema)).toBe('message envoy.config.bootstrap.v3.Bootstrap');
  expect(String(fields.node)).toBe('field envoy.config.bootstrap.v3.Bootstrap.node');
  expect(String(BootstrapSchema.file)).toBe('file envoy/config/bootstrap/v3/bootstrap');
  const cluster = schemaOf('envoy.config.cluster.v3.Cluster')!;
  expect(String(cluster.oneofs[0])).toBe(`oneof envoy.config.cluster.v3.Cluster.${cluster.oneofs[0].name}`);
  const [policies] = cluster.nestedEnums;
  expect([String(policies), String(policies.values[0])]).toEqual([
    `enum ${policies.typeName}`, `enum value ${policies.typeName}.${policies.values[0].name}`,
  ]);
});

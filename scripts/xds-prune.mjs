// Prunes compiled descriptors to what a set of types reaches, so that a bundle carries nothing else.
import { create } from '@bufbuild/protobuf';
import { FieldDescriptorProto_Type, FieldOptionsSchema, FileDescriptorSetSchema, MessageOptionsSchema } from '@bufbuild/protobuf/wkt';

/**
 * Makes every field that holds a message and that `refused(type, field)` names hold `stub` instead, which gets a place in front of `set`'s files:
 * on the wire it is the same, and what only those fields reached is no longer reached.
 */
export function stubRefused(set, refused, stub) {
  const home = set.file.find((file) => file.messageType.some((message) => `${file.package}.${message.name}` === stub));
  set.file = [home, ...set.file.filter((file) => file !== home)];
  for (const file of set.file) {
    let stubbed = false;
    const hold = (field) => {
      if (field.type !== FieldDescriptorProto_Type.MESSAGE || field.typeName.startsWith('.google.protobuf.')) return;
      field.typeName = `.${stub}`;
      stubbed = true;
    };
    const enter = (message, prefix) => {
      const name = prefix + message.name;
      for (const field of message.field) {
        if (!refused(name, field.name)) continue;
        // A map's entry is a type of the message's own, and has its place in it.
        const entry = message.nestedType.find((nested) => nested.options?.mapEntry && field.typeName === `.${name}.${nested.name}`);
        if (entry) entry.field.forEach(hold);
        else hold(field);
      }
      message.nestedType.forEach((nested) => enter(nested, `${name}.`));
    };
    file.messageType.forEach((message) => enter(message, file.package ? `${file.package}.` : ''));
    if (stubbed) file.dependency.push(home.name);
  }
}

/**
 * The files of `set` with only the messages, enums and services that `names` reach, without custom options, and without comments where
 * `keepComments(file)` is false. Messages keep their nesting: a message that is only a namespace stays, emptied.
 */
export function prune(set, names, keepComments) {
  const index = new Map();
  for (const file of set.file) {
    const scope = file.package ? `${file.package}.` : '';
    const enter = (message, prefix, parents) => {
      const name = prefix + message.name;
      index.set(name, { kind: 'message', desc: message, file, parents });
      message.enumType.forEach((desc) => index.set(`${name}.${desc.name}`, { kind: 'enum', desc, file, parents: [...parents, name] }));
      message.nestedType.forEach((nested) => enter(nested, `${name}.`, [...parents, name]));
    };
    file.messageType.forEach((message) => enter(message, scope, []));
    file.enumType.forEach((desc) => index.set(scope + desc.name, { kind: 'enum', desc, file, parents: [] }));
    file.service.forEach((desc) => index.set(scope + desc.name, { kind: 'service', desc, file, parents: [] }));
  }

  const reached = new Set();
  const namespaces = new Set();
  const imports = new Map(set.file.map((file) => [file.name, new Set()]));
  const visit = (name, from) => {
    const found = index.get(name);
    if (!found) throw new Error(`${name}: no such type${from ? `, needed by ${from.file.name}` : ''}`);
    if (from && from.file !== found.file) imports.get(from.file.name).add(found.file.name);
    if (reached.has(name)) return;
    reached.add(name);
    found.parents.forEach((parent) => namespaces.add(parent));
    const types = found.kind === 'message' ? found.desc.field.map((field) => field.typeName)
      : found.kind === 'service' ? found.desc.method.flatMap((method) => [method.inputType, method.outputType]) : [];
    types.filter((type) => type).forEach((type) => visit(type.replace(/^\./, ''), found));
  };
  names.forEach((name) => visit(name, undefined));

  const files = [];
  for (const file of set.file) {
    if (file.name.startsWith('google/protobuf/')) {
      files.push(file);
      continue;
    }
    const scope = file.package ? `${file.package}.` : '';
    const keep = (desc, prefix) => reached.has(prefix + desc.name);
    const strip = (message, prefix) => {
      const name = prefix + message.name;
      if (!reached.has(name)) {
        message.field = [];
        message.oneofDecl = [];
      }
      message.nestedType = message.nestedType.filter((nested) => keep(nested, `${name}.`) || namespaces.has(`${name}.${nested.name}`));
      message.enumType = message.enumType.filter((desc) => keep(desc, `${name}.`));
      message.extension = [];
      message.reservedName = [];
      message.reservedRange = [];
      message.options = message.options?.mapEntry ? create(MessageOptionsSchema, { mapEntry: true }) : undefined;
      message.field.forEach((field) => { field.options = fieldOptions(field.options); });
      message.oneofDecl.forEach((oneof) => { oneof.options = undefined; });
      message.enumType.forEach(stripEnum);
      message.nestedType.forEach((nested) => strip(nested, `${name}.`));
    };
    const comments = keepComments(file.name);
    file.messageType = file.messageType.filter((message) => keep(message, scope) || namespaces.has(scope + message.name));
    file.enumType = file.enumType.filter((desc) => keep(desc, scope));
    file.service = file.service.filter((desc) => keep(desc, scope));
    if (file.messageType.length + file.enumType.length + file.service.length === 0) continue;
    file.messageType.forEach((message) => strip(message, scope));
    file.enumType.forEach(stripEnum);
    file.service.forEach((service) => {
      service.options = undefined;
      service.method.forEach((method) => { method.options = undefined; });
    });
    file.extension = [];
    file.options = undefined;
    file.dependency = file.dependency.filter((dependency) => imports.get(file.name).has(dependency));
    file.publicDependency = [];
    file.weakDependency = [];
    // Places in comments count declarations, so they only survive in files from which nothing was taken.
    if (!comments) file.sourceCodeInfo = undefined;
    files.push(file);
  }
  const order = files.filter((file) => !file.name.startsWith('google/protobuf/') || files.some((other) => other.dependency.includes(file.name)));
  return create(FileDescriptorSetSchema, { file: order });
}

function stripEnum(desc) {
  desc.options = undefined;
  desc.reservedName = [];
  desc.reservedRange = [];
  desc.value.forEach((value) => { value.options = undefined; });
}

/** Only what changes the encoding. */
function fieldOptions(options) {
  return options?.packed === undefined ? undefined : create(FieldOptionsSchema, { packed: options.packed });
}

import { createRequire } from 'node:module';
import type { DescriptorProto, FieldDescriptorProto, FileDescriptorProto } from '@bufbuild/protobuf/wkt';
import type { PackageDefinition } from '@grpc/proto-loader';

/**
 * Completes the file descriptors that proto-loader makes (one file a package), for reflection. Two things are wrong with
 * them, and strict readers such as grpcurl and grpcio refuse them for either: a file does not say which others it needs, and
 * the entry type of a map field `attributes` is called `Attributes` instead of `AttributesEntry`.
 *
 * @param definitions a package definition of proto-loader
 * @returns a package definition that holds the files and nothing else
 */
export function completeDescriptors(definitions: PackageDefinition): PackageDefinition {
  // Loaded here, since only a client that asks for reflection has a use for it.
  const require = createRequire(import.meta.url);
  const { fromBinary, toBinary } = require('@bufbuild/protobuf') as typeof import('@bufbuild/protobuf');
  const { FileDescriptorProtoSchema } =
    require('@bufbuild/protobuf/wkt') as typeof import('@bufbuild/protobuf/wkt');
  const files = new Map<string, FileDescriptorProto>();
  for (const definition of Object.values(definitions)) {
    const protos = 'fileDescriptorProtos' in definition ? definition.fileDescriptorProtos : [];
    for (const bytes of Array.isArray(protos) ? protos : []) {
      const file = fromBinary(FileDescriptorProtoSchema, bytes);
      if (!files.has(file.name)) files.set(file.name, file);
    }
  }
  const fileOf = new Map<string, string>();
  for (const file of files.values()) {
    for (const type of typesIn(file)) fileOf.set(type, file.name);
  }
  const fileDescriptorProtos = [...files.values()].map((file) => {
    complete(file, fileOf);
    return Buffer.from(toBinary(FileDescriptorProtoSchema, file));
  });
  // Reflection reads the files alone; the rest is what any definition has.
  return { files: { format: 'Protocol Buffer 3 EnumDescriptorProto', type: {}, fileDescriptorProtos } };
}

/** The full names of all message and enum types of a file. */
function* typesIn(file: FileDescriptorProto): Generator<string> {
  for (const { name } of file.enumType) yield `${file.package}.${name}`;
  for (const message of file.messageType) yield* typesOf(message, file.package);
}

function* typesOf(message: DescriptorProto, scope: string): Generator<string> {
  const own = `${scope}.${message.name}`;
  yield own;
  for (const { name } of message.enumType) yield `${own}.${name}`;
  for (const nested of message.nestedType) yield* typesOf(nested, own);
}

function complete(file: FileDescriptorProto, fileOf: ReadonlyMap<string, string>): void {
  const needs = new Set<string>();
  const need = (type: string): void => {
    const other = fileOf.get(type.replace(/^\./, ''));
    if (other !== undefined && other !== file.name) needs.add(other);
  };
  const walk = (message: DescriptorProto, scope: string): void => {
    const own = `${scope}.${message.name}`;
    for (const field of message.field) {
      if (field.typeName === '') continue;
      field.typeName = absolute(field, own, fileOf);
      need(field.typeName);
    }
    for (const nested of message.nestedType) {
      walk(nested, own);
      if (nested.options?.mapEntry === true) renameEntry(message, nested, own);
    }
  };
  for (const message of file.messageType) walk(message, file.package);
  for (const { method } of file.service) {
    for (const { inputType, outputType } of method) {
      need(inputType);
      need(outputType);
    }
  }
  file.dependency = [...needs].sort();
}

/** The full name of a field's type, with a leading dot: looked up from the innermost scope outwards. */
function absolute(field: FieldDescriptorProto, scope: string, fileOf: ReadonlyMap<string, string>): string {
  if (field.typeName.startsWith('.')) return field.typeName;
  for (let at = scope; at !== ''; at = at.slice(0, Math.max(0, at.lastIndexOf('.')))) {
    if (fileOf.has(`${at}.${field.typeName}`)) return `.${at}.${field.typeName}`;
  }
  return `.${field.typeName}`;
}

/** Gives the entry type of a map field the one name that it may have: the field's in camel case, and `Entry`. */
function renameEntry(message: DescriptorProto, entry: DescriptorProto, scope: string): void {
  const field = message.field.find(({ typeName }) => typeName === `.${scope}.${entry.name}`);
  if (field === undefined) return;
  const camel = field.name.replace(/(?:^|_)([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
  entry.name = `${camel}Entry`;
  field.typeName = `.${scope}.${entry.name}`;
}

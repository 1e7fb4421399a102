import * as z from 'zod';
import { externalService } from './external-service';
import { mesh } from './mesh';
import { meshService } from './mesh-service';
import { GROUP, VERSION } from './names';
import { LIST_MAP_KEYS } from './schema';

/** A JSON schema as Kubernetes takes it: https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#specifying-a-structural-schema. */
export interface StructuralSchema {
  readonly type: string;
  readonly description?: string;
  readonly properties?: Readonly<Record<string, StructuralSchema>>;
  readonly required?: readonly string[];
  readonly items?: StructuralSchema;
  readonly enum?: readonly unknown[];
  readonly [keyword: string]: unknown;
}

/** What `kubectl get` shows in a column. */
interface PrinterColumn {
  readonly name: string;
  readonly type: string;
  readonly jsonPath: string;
  readonly description?: string;
}

/** A `CustomResourceDefinition` (apiextensions.k8s.io/v1), as a plain object. */
export interface CustomResourceDefinition {
  readonly apiVersion: 'apiextensions.k8s.io/v1';
  readonly kind: 'CustomResourceDefinition';
  readonly metadata: { readonly name: string };
  readonly spec: {
    readonly group: string;
    readonly scope: 'Namespaced';
    readonly names: {
      readonly kind: string;
      readonly listKind: string;
      readonly plural: string;
      readonly singular: string;
      readonly shortNames: readonly string[];
      readonly categories: readonly string[];
    };
    readonly conversion: { readonly strategy: 'None' };
    readonly preserveUnknownFields: false;
    readonly versions: readonly {
      readonly name: string;
      readonly served: boolean;
      readonly storage: boolean;
      readonly schema: { readonly openAPIV3Schema: StructuralSchema };
      readonly subresources: { readonly status: Record<string, never> };
      readonly additionalPrinterColumns: readonly PrinterColumn[];
    }[];
  };
}

/** Largest number of OpenAPI's `int32`. */
const INT32 = 2_147_483_647;

type JsonSchema = Record<string, unknown>;

/** Keywords in the order in which a reader wants them; the children come last. */
const ORDER = [
  'description', 'type', 'format', 'enum', 'default', 'pattern', 'minLength', 'maxLength', 'minimum', 'maximum', 'minItems', 'maxItems', 'required',
  'x-kubernetes-list-type', 'x-kubernetes-list-map-keys', 'x-kubernetes-validations', 'properties', 'additionalProperties', 'items',
];

function inOrder(node: JsonSchema): StructuralSchema {
  const stranger = Object.keys(node).find((keyword) => !ORDER.includes(keyword));
  if (stranger !== undefined) throw new Error(`a schema of src/contract uses ${stranger}, which no structural schema of ours may have`);
  return Object.fromEntries(ORDER.filter((keyword) => node[keyword] !== undefined).map((keyword) => [keyword, node[keyword]])) as StructuralSchema;
}

/**
 * The node as a structural schema. Unknown fields are not forbidden by a keyword (`additionalProperties: false` is not structural): the API
 * server drops them, or refuses them where the client asks for strict validation.
 */
function structural(node: JsonSchema): StructuralSchema {
  const { type, properties = {}, additionalProperties, items, minimum, maximum, [LIST_MAP_KEYS]: keys } = node;
  const out: JsonSchema = { ...node };
  delete out.properties;
  delete out.additionalProperties;
  if (type === 'object') {
    const members = Object.entries(properties as Record<string, JsonSchema>);
    if (members.length > 0) out.properties = Object.fromEntries(members.map(([name, member]) => [name, structural(member)]));
    else if (typeof additionalProperties === 'object') out.additionalProperties = structural(additionalProperties as JsonSchema);
  } else if (type === 'array') {
    out.items = structural(items as JsonSchema);
    out['x-kubernetes-list-type'] ??= keys === undefined ? 'atomic' : 'map';
  } else if (type === 'integer') {
    // zod writes the bounds of what JavaScript can count, which say nothing.
    if (minimum === Number.MIN_SAFE_INTEGER) delete out.minimum;
    if (maximum === Number.MAX_SAFE_INTEGER) delete out.maximum;
    out.format = typeof out.maximum === 'number' && out.maximum <= INT32 ? 'int32' : 'int64';
  }
  return inOrder(out);
}

/** The schema of a resource. `apiVersion`, `kind` and `metadata` belong to the API server, which lets a schema say nothing about them. */
function resourceSchema(schema: z.ZodType): StructuralSchema {
  const { properties, ...root } = structural(z.toJSONSchema(schema, { target: 'openapi-3.0', io: 'input' }) as JsonSchema);
  const { apiVersion, kind, spec, status } = properties as Record<string, StructuralSchema>;
  return inOrder({
    ...root,
    required: ['spec'],
    properties: {
      apiVersion: { description: apiVersion.description, type: 'string' },
      kind: { description: kind.description, type: 'string' },
      metadata: { type: 'object' },
      spec,
      status,
    },
  });
}

function definition(
  schema: z.ZodType, kind: string, plural: string, shortNames: readonly string[], columns: readonly PrinterColumn[],
): CustomResourceDefinition {
  const conditionColumn = (type: string): PrinterColumn => ({ name: type, type: 'string', jsonPath: `.status.conditions[?(@.type=="${type}")].status` });
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${plural}.${GROUP}` },
    spec: {
      group: GROUP,
      scope: 'Namespaced',
      names: { kind, listKind: `${kind}List`, plural, singular: kind.toLowerCase(), shortNames, categories: ['meshwright'] },
      conversion: { strategy: 'None' },
      preserveUnknownFields: false,
      versions: [{
        name: VERSION,
        served: true,
        storage: true,
        schema: { openAPIV3Schema: resourceSchema(schema) },
        subresources: { status: {} },
        additionalPrinterColumns: [
          ...columns,
          conditionColumn('Accepted'),
          conditionColumn('Programmed'),
          { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' },
        ],
      }],
    },
  };
}

let definitions: readonly CustomResourceDefinition[] | undefined;

/** The CustomResourceDefinitions of `Mesh`, `MeshService` and `ExternalService`, generated from their schemas. The same objects at each call; do not change them. */
export function customResourceDefinitions(): readonly CustomResourceDefinition[] {
  definitions ??= [
    definition(mesh, 'Mesh', 'meshes', ['mwmesh'], [
      { name: 'Trust domain', type: 'string', jsonPath: '.spec.trustDomain' },
    ]),
    definition(meshService, 'MeshService', 'meshservices', ['mwsvc'], [
      { name: 'Port', type: 'integer', jsonPath: '.spec.port.number' },
      { name: 'Protocol', type: 'string', jsonPath: '.spec.port.protocol' },
    ]),
    definition(externalService, 'ExternalService', 'externalservices', ['mwext'], [
      { name: 'Host', type: 'string', jsonPath: '.spec.hostname' },
      { name: 'Port', type: 'integer', jsonPath: '.spec.port.number' },
      { name: 'Protocol', type: 'string', jsonPath: '.spec.port.protocol' },
    ]),
  ];
  return definitions;
}

import type { Finding } from '../check/finding';
import type { ContainerOptions } from '../container-options';
import { HARDENED } from '../contract/pod/hardened';
import { Code, error, shown } from './finding';
import type { OwnPods } from './pod-group';
import { requirements } from './resources';

/** Directory that most programs expect to write to. */
const SCRATCH = 'tmp';

/** The pods of an application whose Deployment this package writes. */
export function ownPods(name: string, port: number, replicas: number, options: ContainerOptions): OwnPods {
  const { image, resources, env, command, args, readinessPath, security = {} } = options;
  const sealed = security.writableRootFilesystem !== true;
  return {
    replicas,
    container: {
      name,
      image,
      command,
      args,
      env: env === undefined ? undefined : Object.entries(env).map(([variable, value]) => ({ name: variable, value })),
      ports: [{ name: 'app', containerPort: port, protocol: 'TCP' }],
      readinessProbe: readinessPath === undefined ? undefined : {
        httpGet: { path: readinessPath, port }, periodSeconds: 5, timeoutSeconds: 2, failureThreshold: 2,
      },
      resources: requirements(resources),
      securityContext: { ...HARDENED, readOnlyRootFilesystem: sealed, runAsUser: security.runAsUser },
      volumeMounts: sealed ? [{ name: SCRATCH, mountPath: '/tmp' }] : undefined,
    },
    volumes: sealed ? [{ name: SCRATCH, emptyDir: {} }] : [],
  };
}

/** What Kubernetes would refuse. */
export function containerFindings(
  path: string, protocol: string, replicas: number, { image, env, readinessPath, security }: ContainerOptions,
): Finding[] {
  const findings: Finding[] = [];
  const bad = (name: string, value: unknown, rule: string, fix: string) => findings.push(error(Code.VALUE, path, `${name}: ${shown(value)}`, rule, fix));
  if (!Number.isInteger(replicas) || replicas < 0) bad('replicas', replicas, 'must be a whole number, at least 0', 'write replicas: 2');
  if (typeof image !== 'string' || image.trim() === '') bad('image', image, 'must name a container image', 'write image: \'shop/payment:1.4.2\'');
  else if (/\s/.test(image)) bad('image', image, 'must not contain white space', 'write image: \'shop/payment:1.4.2\'');
  for (const variable of Object.keys(env ?? {})) {
    if (!/^[-._a-zA-Z][-._a-zA-Z0-9]*$/.test(variable)) bad('env', variable, 'must be letters, digits, -, . and _, not beginning with a digit', 'write a name such as LOG_LEVEL');
  }
  if (readinessPath !== undefined && !/^\/\S*$/.test(readinessPath)) {
    bad('readinessPath', readinessPath, 'must be a path that begins with /', 'write readinessPath: \'/ready\'');
  }
  if (readinessPath !== undefined && (protocol === 'tcp' || protocol === 'grpc')) {
    const fix = 'take it out, or have a workload with a probe of its own join by MeshService.fromWorkload';
    bad('readinessPath', readinessPath, `must be left out of a service of ${protocol}: the kubelet asks for a path by HTTP/1.1`, fix);
  }
  const user = security?.runAsUser;
  if (user !== undefined && (!Number.isInteger(user) || user < 1)) {
    bad('security.runAsUser', user, 'must be a user id other than root\'s', 'write runAsUser: 1000, or leave it out');
  }
  return findings;
}

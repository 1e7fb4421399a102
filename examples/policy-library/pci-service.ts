import { Cpu, type ContainerResources } from 'cdk8s-plus-27';
import type { Construct } from 'constructs';
import { MeshService, type MeshServiceProps } from 'meshwright';

/** Properties of `PciService`: some that a service may leave out, it may not. */
export interface PciServiceProps extends MeshServiceProps {
  readonly replicas: number;
  readonly resources: ContainerResources;
}

/** User of all containers that see card data: file systems are audited by it. */
const PCI_USER = 10_001;

/**
 * A service that handles card data: never alone, never without a bound on its resources, always under the audited user.
 */
export class PciService extends MeshService {
  constructor(scope: Construct, id: string, props: PciServiceProps) {
    super(scope, id, { ...props, security: { ...props.security, runAsUser: PCI_USER, writableRootFilesystem: false } });
    this.node.addValidation({
      validate: () => [
        ...(props.replicas >= 2 ? [] : [`${this.node.path}: replicas: ${props.replicas}: a PCI service needs at least 2; write replicas: 2`]),
        ...(props.resources.memory?.limit && props.resources.cpu?.limit instanceof Cpu ? []
          : [`${this.node.path}: resources: a PCI service needs a limit of CPU and memory; write resources: { cpu: { limit }, memory: { limit } }`]),
      ],
    });
  }
}

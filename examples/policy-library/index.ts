/**
 * Policies of one company, as a package that its teams install: each knows one rule that is easy to get wrong by hand, and computes what follows
 * from it. Publish it like any jsii package and Python, Java and Go teams get the same.
 */
export { CapacityBound, type CapacityBoundProps } from './capacity-bound';
export { GoldResilience, type GoldResilienceProps } from './gold-resilience';
export { PciService, type PciServiceProps } from './pci-service';

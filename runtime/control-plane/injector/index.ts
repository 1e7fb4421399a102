export { Injector, type InjectorOptions } from './injector';
export { review, type Admission, type AdmissionAnswer, type AdmissionReview } from './review';
export { injectingMesh, injectionSettings } from './settings';
export { WebhookBundle, type WebhookBundleDeps } from './webhook-bundle';

import { App } from 'cdk8s';
import { PublishedNumbers } from './published';

const app = new App();
new PublishedNumbers(app, 'published');
app.synth();

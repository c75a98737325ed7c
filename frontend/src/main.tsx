import { render } from 'preact';
import { App } from './app';
import { followLinks } from './router';
import './style.css';
import { applyTheme } from './theme';

applyTheme();
followLinks();
const host = document.getElementById('app');
if (host) render(<App />, host);

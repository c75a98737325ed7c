// Every page, in the order of the navigation: one line each.
import type { ComponentType } from 'preact';
import { ClassPage } from './class';
import { DeskPage } from './desk';

export interface PageEntry {
  path: string;
  title: string;
  key: string; // after `g`
  question: string; // the one that the page answers
  page: ComponentType;
}

export const pages: PageEntry[] = [
  { path: 'desk', title: 'Desk', key: 'd', question: 'Do I have to act?', page: DeskPage },
  { path: 'class', title: 'Class', key: 'c', question: 'What do we quote, and why does it lean?', page: ClassPage },
];

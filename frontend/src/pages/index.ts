// Every page, in the order of the navigation: one line each.
import type { ComponentType } from 'preact';
import { CapitalPage } from './capital';
import { ClassPage } from './class';
import { DeskPage } from './desk';
import { ExplainPage } from './explain';
import { ObligationsPage } from './obligations';
import { SurfacePage } from './surface';
import { HedgesPage } from './hedges';
import { JournalPage } from './journal';
import { LimitsPage } from './limits';
import { SlidesPage } from './slides';
import { ResidualPage } from './residual';

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
  { path: 'slides', title: 'Slides', key: 's', question: 'What happens to us if the market moves?', page: SlidesPage },
  { path: 'hedges', title: 'Hedges', key: 'h', question: 'What would we trade to be safe?', page: HedgesPage },
  { path: 'limits', title: 'Limits', key: 'l', question: 'What may we still do?', page: LimitsPage },
  { path: 'surface', title: 'Surface', key: 'v', question: 'Is the volatility that everything stands on right?', page: SurfacePage },
  { path: 'obligations', title: 'Obligations', key: 'o', question: 'May we be away, and how near is a protection to a trip?', page: ObligationsPage },
  { path: 'capital', title: 'Capital', key: 'a', question: 'What must the book be backed with, and what drives it?', page: CapitalPage },
  { path: 'residual', title: 'Residual', key: 'r', question: 'What do the hedges leave behind?', page: ResidualPage },
  { path: 'explain', title: 'Explain', key: 'e', question: 'Where did the P&L come from?', page: ExplainPage },
  { path: 'journal', title: 'Journal', key: 'j', question: 'What happened, and why?', page: JournalPage },
];

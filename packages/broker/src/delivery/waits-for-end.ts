import type { ResourceView } from '../state/resource.js';
import type { SessionSettings } from './session-settings.js';

/**
 * The present life waits for the end of the earlier one at the agent: until the agent has confirmed it, where it does; else until it has been
 * handed it, or has listed what it holds. It would ignore the present life while it holds the earlier one, and what it lists afterwards would
 * not tell which of them it is.
 */
export function waitsForEnd(
  { farewell, place }: Pick<ResourceView, 'farewell' | 'place'>,
  { confirmsDeletion }: Pick<SessionSettings, 'confirmsDeletion'>,
): boolean {
  return farewell !== undefined && (farewell.sentAt === undefined || confirmsDeletion(place.dataType));
}

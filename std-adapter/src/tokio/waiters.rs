//! Who waits on a connection.
//!
//! The list has a lock of its own: a transport wakes from any thread, even from within a call that
//! holds the connection's lock.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Wake, Waker};

/// The tasks that wait, and the waker that is given to the transport's writing direction and to the
/// clock: the task that it wakes does what is to be done for all.
#[derive(Debug, Default)]
pub(crate) struct Waiters {
    /// How often anybody was woken, so that a wake-up between an attempt and the registration that
    /// follows is not missed.
    rounds: AtomicUsize,
    /// How many wait to queue something.
    queueing: AtomicUsize,
    /// How many wait until what they have queued has left.
    leaving: AtomicUsize,
    list: Mutex<List>,
}

/// The ticket of the call that has the turn, before all others: whoever came while it let go of the lock between two
/// fragments cannot go on in its place. 0 is no ticket.
const IN_TURN: u64 = 1;

#[derive(Debug)]
struct List {
    reader: Option<Waker>,
    /// Those whose octets are queued, ordered by where the octets end.
    leaving: BTreeMap<(u64, u64), Waker>,
    /// Those that wait to queue theirs, in the order in which they came.
    queueing: BTreeMap<u64, Waker>,
    /// The newest.
    tickets: u64,
}

impl Default for List {
    fn default() -> Self {
        Self {
            reader: None,
            leaving: BTreeMap::new(),
            queueing: BTreeMap::new(),
            tickets: IN_TURN,
        }
    }
}

/// Where a call that sends stands among the others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Place {
    #[default]
    None,
    /// Waits to queue something, with this ticket.
    Queueing(u64),
    /// Waits until the octets up to here have left, with this ticket.
    Leaving(u64, u64),
}

/// Who is to be woken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Whom {
    /// A call that can go on with what is queued, and the reader.
    One,
    /// Whoever is next to queue something.
    Next,
    /// Those whose octets have left up to here, and whoever is next to queue something.
    Left(u64),
    All,
}

impl Waiters {
    /// To be read before an attempt, for the registration that follows it.
    pub(crate) fn round(&self) -> usize {
        self.rounds.load(Ordering::Acquire)
    }

    /// Registers the reader. `round`: from before its attempt.
    pub(crate) fn wait_to_read(&self, waker: &Waker, round: usize) {
        {
            let reader = &mut self.list().reader;
            match reader {
                Some(known) => known.clone_from(waker),
                None => *reader = Some(waker.clone()),
            }
        }
        self.look_again(waker, round);
    }

    /// Registers a call that sends, at the place that it has or at the end; one that has the turn before all others.
    pub(crate) fn wait_to_send(
        &self,
        place: &mut Place,
        in_turn: bool,
        mark: Option<u64>,
        waker: &Waker,
        round: usize,
    ) {
        let mut has_queued = false;
        {
            let mut list = self.list();
            let is_there = match (mark, *place) {
                (None, Place::Queueing(ticket)) => list.queueing.get_mut(&ticket),
                (Some(_), Place::Leaving(mark, ticket)) => list.leaving.get_mut(&(mark, ticket)),
                _ => None,
            };
            match (is_there, mark) {
                (Some(known), _) => known.clone_from(waker),
                (None, None) => {
                    let ticket = match *place {
                        Place::Queueing(ticket) => ticket,
                        _ if in_turn => IN_TURN,
                        _ => list.ticket(),
                    };
                    list.queueing.insert(ticket, waker.clone());
                    *place = Place::Queueing(ticket);
                }
                (None, Some(mark)) => {
                    let ticket = list.ticket();
                    has_queued = list.queueing.remove(&place.ticket()).is_some();
                    list.leaving.insert((mark, ticket), waker.clone());
                    *place = Place::Leaving(mark, ticket);
                }
            }
            self.count(&mut list);
        }
        self.look_again(waker, round);
        if has_queued {
            // There may be room for more.
            self.wake(Whom::Next);
        }
    }

    /// Whether any call that sends is waiting.
    pub(crate) fn has_senders(&self) -> bool {
        self.queueing.load(Ordering::Acquire) + self.leaving.load(Ordering::Acquire) > 0
    }

    /// Whether the call at this place is the first of those that wait to queue something.
    pub(crate) fn is_first(&self, place: Place) -> bool {
        if self.queueing.load(Ordering::Acquire) == 0 {
            return true;
        }
        match (self.list().queueing.first_key_value(), place) {
            (Some((first, _)), Place::Queueing(ticket)) => ticket <= *first,
            (Some(_), _) => false,
            (None, _) => true,
        }
    }

    /// Removes a call that sends; if it was woken for all, another takes over.
    pub(crate) fn leave(&self, place: &mut Place) {
        let next = match std::mem::take(place) {
            Place::None => None,
            Place::Queueing(ticket) => {
                let mut list = self.list();
                let was_first = list.queueing.keys().next() == Some(&ticket);
                list.queueing.remove(&ticket);
                self.count(&mut list);
                was_first.then_some(Whom::Next)
            }
            Place::Leaving(mark, ticket) => {
                let mut list = self.list();
                let was_first = list.leaving.keys().next() == Some(&(mark, ticket));
                list.leaving.remove(&(mark, ticket));
                self.count(&mut list);
                was_first.then_some(Whom::One)
            }
        };
        if let Some(next) = next
            && self.has_senders()
        {
            self.wake(next);
        }
    }

    pub(crate) fn wake(&self, whom: Whom) {
        self.rounds.fetch_add(1, Ordering::AcqRel);
        let mut woken = Vec::new();
        {
            let mut list = self.list();
            match whom {
                Whom::One => {
                    woken.extend(list.reader.take());
                    let first = list.leaving.values().next();
                    woken.extend(first.or_else(|| list.queueing.values().next()).cloned());
                }
                Whom::Next => woken.extend(list.queueing.values().next().cloned()),
                Whom::Left(mark) => {
                    while let Some(first) = list.leaving.first_entry()
                        && first.key().0 <= mark
                    {
                        woken.push(first.remove());
                    }
                    woken.extend(list.queueing.values().next().cloned());
                }
                Whom::All => {
                    woken.extend(list.reader.take());
                    woken.extend(std::mem::take(&mut list.leaving).into_values());
                    woken.extend(list.queueing.values().cloned());
                }
            }
            self.count(&mut list);
        }
        // Without the lock: waking may end a task and drop a call that waits.
        woken.into_iter().for_each(Waker::wake);
    }

    fn look_again(&self, waker: &Waker, round: usize) {
        if self.round() != round {
            waker.wake_by_ref();
        }
    }

    fn count(&self, list: &mut List) {
        // An empty map may keep memory, which an idle connection should not hold.
        if list.queueing.is_empty() {
            list.queueing = BTreeMap::new();
        }
        if list.leaving.is_empty() {
            list.leaving = BTreeMap::new();
        }
        self.queueing.store(list.queueing.len(), Ordering::Release);
        self.leaving.store(list.leaving.len(), Ordering::Release);
    }

    fn list(&self) -> MutexGuard<'_, List> {
        self.list.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Wake for Waiters {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        Self::wake(self, Whom::One);
    }
}

impl List {
    fn ticket(&mut self) -> u64 {
        self.tickets += 1;
        self.tickets
    }
}

impl Place {
    /// 0 for none.
    fn ticket(self) -> u64 {
        match self {
            Self::None => 0,
            Self::Queueing(ticket) | Self::Leaving(_, ticket) => ticket,
        }
    }
}

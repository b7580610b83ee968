//! The bounded queue before a sink. What comes while it is full is lost and counted: the oldest messages tell how it began.

use std::collections::VecDeque;

/// Most lines that may wait.
const LINES_MAX: usize = 16 * 1024;
/// Most bytes that may wait.
const BYTES_MAX: usize = 1024 * 1024;

/// Lines that wait for a sink.
#[derive(Default)]
pub(super) struct Queue {
    lines: VecDeque<Vec<u8>>,
    bytes: usize,
    /// How much of the first line the sink has taken.
    taken: usize,
    lost: u64,
}

impl Queue {
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// Adds a line, or counts it as lost. Once one is lost, all are until that was reported: the log shows where the gap is.
    pub fn push(&mut self, line: Vec<u8>) {
        if self.lost > 0
            || self.lines.len() >= LINES_MAX
            || self.bytes.saturating_add(line.len()) > BYTES_MAX
        {
            self.lost += 1;
            return;
        }
        self.bytes += line.len();
        self.lines.push_back(line);
    }

    /// So many lines at most, of the first one what the sink has not taken.
    pub fn front(&self, most: usize) -> impl Iterator<Item = &[u8]> {
        let taken = std::iter::once(self.taken).chain(std::iter::repeat(0));
        let lines = self.lines.iter().take(most).zip(taken);
        lines.filter_map(|(line, taken)| line.get(taken..))
    }

    /// The sink took so many bytes of `front`.
    pub fn taken(&mut self, length: usize) {
        self.taken += length;
        while let Some(line) = self.lines.front()
            && self.taken >= line.len()
        {
            self.bytes -= line.len();
            self.taken -= line.len();
            self.lines.pop_front();
        }
    }

    /// How many lines were lost, once half of the queue is free again; forgets them, as the caller reports them now.
    pub fn lost_and_room(&mut self) -> Option<u64> {
        let room = self.lines.len() <= LINES_MAX / 2 && self.bytes <= BYTES_MAX / 2;
        (self.lost > 0 && room).then(|| std::mem::take(&mut self.lost))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_leave_in_order_and_in_parts() {
        let mut queue = Queue::default();
        queue.push(b"first".to_vec());
        queue.push(b"second".to_vec());
        queue.push(b"third".to_vec());
        queue.taken(3);
        let front = |queue: &Queue, most| -> Vec<Vec<u8>> {
            queue.front(most).map(<[u8]>::to_vec).collect()
        };
        assert_eq!(front(&queue, 2), [&b"st"[..], b"second"]);
        queue.taken(2);
        assert_eq!(front(&queue, 1), [b"second"]);
        queue.taken(8);
        assert_eq!(front(&queue, 9), [b"ird"]);
        queue.taken(3);
        assert!(queue.is_empty());
        assert_eq!((queue.bytes, queue.taken), (0, 0));
    }

    #[test]
    fn what_finds_no_room_is_counted_once_and_memory_stays_bounded() {
        let mut queue = Queue::default();
        for _ in 0..LINES_MAX * 2 {
            queue.push(b"x".to_vec());
        }
        assert_eq!(queue.lines.len(), LINES_MAX);
        assert_eq!(queue.lost_and_room(), None);
        for _ in 0..LINES_MAX / 2 {
            queue.taken(1);
        }
        assert_eq!(queue.lost_and_room(), Some(LINES_MAX as u64));
        assert_eq!(queue.lost_and_room(), None);
        let mut queue = Queue::default();
        for _ in 0..100 {
            queue.push(vec![b'y'; BYTES_MAX / 10]);
        }
        assert_eq!(queue.lines.len(), 10);
        assert_eq!(queue.lost, 90);
    }
}

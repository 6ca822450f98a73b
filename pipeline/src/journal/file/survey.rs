//! Opening: from step to step over the segments that ended, then a walk over the rest, which checks
//! it and finds where the log ends.

use std::path::PathBuf;

use zeitgeber_schemas::PartitionId;

use super::{
    super::{Layout, Place, ReadError, Scan, ScanFrom, Tail, chain::Follower},
    Cut, Recovery, disk,
    format::Mark,
    index::Index,
    queue::Links,
    steps::Steps,
    walk::{self, Bounds, FileScan, Walker},
};
use crate::disk::SharedDisk;

/// What is found of a log when it is opened.
pub(super) struct Survey {
    pub(super) bounds: Bounds,
    pub(super) tails: Vec<Tail>,
    pub(super) starts: Vec<Links>,
    /// It stands where the log ends.
    pub(super) walker: Walker,
}

/// What is known on the way there.
struct Way {
    bounds: Bounds,
    mark: Mark,
    tails: Vec<Tail>,
    starts: Vec<Links>,
    /// Place and length of each partition's last chunk, and of the last one that the mark covers.
    last: Vec<Option<(Place, usize)>>,
    marked: Vec<Option<(Place, usize)>>,
}

impl Survey {
    pub(super) fn of(disk: SharedDisk, dir: PathBuf) -> Result<Self, ReadError> {
        // The mark is read before the list, and the list before the segments: what a live writer
        // adds meanwhile only makes the log longer than these say.
        let mark = walk::read_mark(&*disk, &dir)?;
        let last_segment = disk::last_segment(&*disk, &dir)
            .map_err(|source| ReadError::Io { file: dir.clone(), source })?
            .unwrap_or(0);
        let partitions = mark.partitions.len();
        let layout = Layout { log_id: mark.log_id, partitions: partitions as u16 };
        let bounds = Bounds { disk, dir, layout, mark: mark.end, last_segment, writer: None };
        let mut way = Way {
            tails: vec![Tail::default(); partitions],
            starts: Vec::new(),
            last: vec![None; partitions],
            marked: vec![None; partitions],
            bounds,
            mark,
        };
        for segment in 0..way.mark.end.segment {
            let index = Index::open(&*way.bounds.disk, &way.bounds.dir, layout, segment);
            let steps = index.and_then(|index| index.steps());
            match steps.filter(|steps| steps.follow(&way.tails)) {
                Some(steps) => way.step(segment, &steps),
                None => drop(way.walk(segment, Place::of_segment(segment + 1))?),
            }
        }
        let walker = way.walk(way.mark.end.segment, Place::END)?;
        way.begin(walker.place().segment);
        way.hash_heads(&walker)?;
        let Way { bounds, tails, starts, .. } = way;
        Ok(Self { bounds, tails, starts, walker })
    }

    pub(super) fn recovery(&self) -> Recovery {
        let (end, bytes) = (self.walker.place(), self.walker.torn_bytes());
        let file = disk::segment_path(&self.bounds.dir, end.segment);
        let cut = (bytes > 0).then_some(Cut { file, offset: end.offset, bytes });
        Recovery { cut, end }
    }
}

impl Way {
    /// Notes where the partitions stand where a segment begins.
    fn begin(&mut self, segment: u32) {
        let next = |tail: &Tail| (tail.next_chunk, tail.next_position);
        let start = || self.tails.iter().map(next).collect();
        self.starts.resize_with(self.starts.len().max(segment as usize + 1), start);
    }

    /// Passes over a segment.
    fn step(&mut self, segment: u32, steps: &Steps) {
        self.begin(segment);
        for (partition, step) in steps.iter() {
            let (offset, length) = step.last;
            self.reached(partition, step.to.0, (Place { segment, offset }, length as usize));
            let tail = &mut self.tails[partition];
            (tail.next_chunk, tail.next_position) = step.to;
            for (source, line) in &step.cursors {
                let known = tail.cursors.entry(*source).or_default();
                *known = (*known).max(*line);
            }
        }
    }

    /// Reads on from where a segment begins.
    fn walk(&mut self, segment: u32, until: Place) -> Result<Walker, ReadError> {
        self.begin(segment);
        let links = self.starts[segment as usize].clone();
        let mut scan = FileScan {
            walker: Walker::new(self.bounds.clone(), segment)?,
            follower: Follower::at(links.into_iter()),
            from: ScanFrom::places(Place::of_segment(segment)..until),
        };
        while let Some(chunk) = scan.next_chunk()? {
            self.begin(chunk.place.segment);
            let (header, at) = (&chunk.header, (chunk.place, chunk.bytes.len()));
            let partition = usize::from(header.partition.0);
            self.reached(partition, header.number + 1, at);
            // The hash of the last chunk alone is worth computing, at the end.
            self.tails[partition].advance(header, [0; 32]);
        }
        Ok(scan.walker)
    }

    /// Notes a partition's last chunk so far.
    fn reached(&mut self, partition: usize, next_chunk: u64, at: (Place, usize)) {
        self.last[partition] = Some(at);
        if next_chunk == self.mark.partitions[partition].0 {
            self.marked[partition] = Some(at);
        }
    }

    /// Fills in each tail's hash and compares with the mark.
    fn hash_heads(&mut self, walker: &Walker) -> Result<(), ReadError> {
        for (partition, (chunks, events, head)) in self.mark.partitions.iter().enumerate() {
            let tail = &mut self.tails[partition];
            if let Some((place, length)) = self.last[partition] {
                tail.head = walker.hash_at(place, length)?;
            }
            let marked = self.marked[partition];
            let found = match marked {
                Some(at) if Some(at) != self.last[partition] => walker.hash_at(at.0, at.1)?,
                Some(_) => tail.head,
                None => [0; 32],
            };
            let reached = tail.next_chunk >= *chunks && tail.next_position >= *events;
            if found != *head || !reached {
                let place = marked.map_or(self.mark.end, |(place, _)| place);
                return Err(ReadError::Broken {
                    file: disk::segment_path(&self.bounds.dir, place.segment),
                    offset: place.offset,
                    partition: PartitionId(partition as u16),
                    chunk: chunks.saturating_sub(1),
                    why: "it is not the chunk that the durable mark names",
                });
            }
        }
        Ok(())
    }
}

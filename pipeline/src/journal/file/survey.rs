//! Opening: one walk over the whole log, which checks it and finds where it ends.

use std::path::PathBuf;

use zeitgeber_schemas::PartitionId;

use super::{
    super::{Layout, Place, ReadError, Scan, ScanFrom, Tail, chain::Follower},
    Cut, Recovery, disk,
    format::Mark,
    queue::Links,
    walk::{self, Bounds, FileScan, Walker},
};

/// What a walk over the whole log found.
pub(super) struct Survey {
    pub(super) bounds: Bounds,
    mark: Mark,
    pub(super) tails: Vec<Tail>,
    pub(super) starts: Vec<Links>,
    pub(super) walker: Walker,
    /// Place and length of each partition's last chunk, and of the last one that the mark covers.
    last: Vec<Option<(Place, usize)>>,
    marked: Vec<Option<(Place, usize)>>,
}

impl Survey {
    pub(super) fn of(dir: PathBuf) -> Result<Self, ReadError> {
        // The mark is read before the list, and the list before the segments: what a live writer
        // adds meanwhile only makes the log longer than these say.
        let mark = walk::read_mark(&dir)?;
        let last_segment = disk::last_segment(&dir)
            .map_err(|source| ReadError::Io { file: dir.clone(), source })?
            .unwrap_or(0);
        let partitions = mark.partitions.len();
        let layout = Layout { log_id: mark.log_id, partitions: partitions as u16 };
        let bounds = Bounds { dir, layout, mark: mark.end, last_segment, writer: None };
        let follower = Follower::new(layout);
        let walker = Walker::new(bounds.clone(), 0)?;
        let mut scan = FileScan { walker, follower, from: ScanFrom::default() };
        let mut tails = vec![Tail::default(); partitions];
        let (mut last, mut marked) = (vec![None; partitions], vec![None; partitions]);
        let mut starts: Vec<Links> = Vec::new();
        let begin = |starts: &mut Vec<Links>, segment: u32, tails: &[Tail]| {
            let start = || tails.iter().map(|tail| (tail.next_chunk, tail.next_position)).collect();
            starts.resize_with(starts.len().max(segment as usize + 1), start);
        };
        while let Some(chunk) = scan.next_chunk()? {
            begin(&mut starts, chunk.place.segment, &tails);
            let (header, at) = (&chunk.header, (chunk.place, chunk.bytes.len()));
            let partition = usize::from(header.partition.0);
            last[partition] = Some(at);
            if header.number + 1 == mark.partitions[partition].0 {
                marked[partition] = Some(at);
            }
            // The hash of the last chunk alone is worth computing, at the end.
            tails[partition].advance(header, [0; 32]);
        }
        begin(&mut starts, scan.walker.place().segment, &tails);
        let mut survey = Self { bounds, mark, tails, starts, walker: scan.walker, last, marked };
        survey.hash_heads()?;
        Ok(survey)
    }

    /// Fills in each tail's hash and compares with the mark.
    fn hash_heads(&mut self) -> Result<(), ReadError> {
        for (partition, (chunks, events, head)) in self.mark.partitions.iter().enumerate() {
            let tail = &mut self.tails[partition];
            if let Some((place, length)) = self.last[partition] {
                tail.head = self.walker.hash_at(place, length)?;
            }
            let marked = self.marked[partition];
            let found = match marked {
                Some(at) if Some(at) != self.last[partition] => self.walker.hash_at(at.0, at.1)?,
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

    pub(super) fn recovery(&self) -> Recovery {
        let (end, bytes) = (self.walker.place(), self.walker.torn_bytes());
        let file = disk::segment_path(&self.bounds.dir, end.segment);
        let cut = (bytes > 0).then_some(Cut { file, offset: end.offset, bytes });
        Recovery { cut, end }
    }
}

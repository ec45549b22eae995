//! The bytes of a snapshot: a file, or memory where there is no disk.

use std::io::{Cursor, Result, SeekFrom};
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncSeek, AsyncWrite, ReadBuf};

/// Where the bytes of a snapshot are read from, or written to while one is received.
#[derive(Debug)]
pub enum SnapshotFile {
    /// In a file of the store.
    Disk(tokio::fs::File),
    /// In memory: the store has no directory.
    Memory(Cursor<Vec<u8>>),
}

impl AsyncRead for SnapshotFile {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<Result<()>> {
        match self.get_mut() {
            Self::Disk(file) => Pin::new(file).poll_read(cx, buf),
            Self::Memory(bytes) => Pin::new(bytes).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for SnapshotFile {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<Result<usize>> {
        match self.get_mut() {
            Self::Disk(file) => Pin::new(file).poll_write(cx, buf),
            Self::Memory(bytes) => Pin::new(bytes).poll_write(cx, buf),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        match self.get_mut() {
            Self::Disk(file) => Pin::new(file).poll_flush(cx),
            Self::Memory(bytes) => Pin::new(bytes).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        match self.get_mut() {
            Self::Disk(file) => Pin::new(file).poll_shutdown(cx),
            Self::Memory(bytes) => Pin::new(bytes).poll_shutdown(cx),
        }
    }
}

impl AsyncSeek for SnapshotFile {
    fn start_seek(self: Pin<&mut Self>, position: SeekFrom) -> Result<()> {
        match self.get_mut() {
            Self::Disk(file) => Pin::new(file).start_seek(position),
            Self::Memory(bytes) => Pin::new(bytes).start_seek(position),
        }
    }

    fn poll_complete(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<u64>> {
        match self.get_mut() {
            Self::Disk(file) => Pin::new(file).poll_complete(cx),
            Self::Memory(bytes) => Pin::new(bytes).poll_complete(cx),
        }
    }
}

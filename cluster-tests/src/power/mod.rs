//! Power cuts: a file system of its own in a file, which loses at once all that has not been made durable.
//!
//! The cut is ext4's own (`FS_IOC_SHUTDOWN` without a flush of its journal): whatever the kernel holds back is gone, as
//! if the machine had lost its power. It says nothing about disks that lie about what they have written. Every cut
//! is proven: a witness writes a file without making it durable, and that file must have lost bytes.

mod cycle;

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;

pub use cycle::{Cycle, Verdict};

/// The size of the file system, in MiB.
const SIZE: u64 = 256;

/// Cuts off the file system of the folder that is its argument: `FS_IOC_SHUTDOWN` with `EXT4_GOING_FLAGS_NOLOGFLUSH`
/// (linux, `fs/ext4/ext4.h`). Perl is there on every Debian.
const CUT: &str = r#"open(my $f, "<", $ARGV[0]) or die "open: $!"; my $flags = pack("I", 2);
ioctl($f, 0x8004587D, $flags) or die "ioctl: $!";"#;

/// A mounted file system. Dropping it unmounts it.
#[derive(Debug)]
pub struct Volume {
    mounted: bool,
    folder: TempDir,
}

impl Volume {
    /// A new, empty file system; `None`, with a word about it, where this machine does not let us have one.
    ///
    /// # Errors
    /// It was made and cannot be used.
    pub fn new() -> Result<Option<Self>> {
        let folder = tempfile::Builder::new().prefix("ringwatch-power-").tempdir()?;
        if let Err(why) = may_mount(folder.path()) {
            println!("skipped: power cuts need root, loop devices, ext4 and perl here: {why:#}");
            return Ok(None);
        }
        let mut volume = Self {
            mounted: false,
            folder,
        };
        std::fs::create_dir(volume.place())?;
        volume.format()?;
        if let Err(why) = volume.mount() {
            println!("skipped: a file cannot be mounted here: {why:#}");
            return Ok(None);
        }
        Ok(Some(volume))
    }

    /// Where it is mounted.
    pub fn place(&self) -> PathBuf {
        self.folder.path().join("volume")
    }

    fn image(&self) -> PathBuf {
        self.folder.path().join("image")
    }

    fn format(&self) -> Result<()> {
        std::fs::File::create(self.image())?.set_len(SIZE << 20)?;
        run(Command::new("mkfs.ext4").args(["-q", "-F"]).arg(self.image()))
    }

    fn mount(&mut self) -> Result<()> {
        run(Command::new("mount")
            .args(["-o", "loop"])
            .arg(self.image())
            .arg(self.place()))?;
        self.mounted = true;
        Ok(())
    }

    fn unmount(&mut self) -> Result<()> {
        run(Command::new("umount").arg(self.place()))?;
        self.mounted = false;
        Ok(())
    }

    /// Makes it new and empty again. Nobody may use it.
    ///
    /// # Errors
    /// It is in use.
    pub fn renew(&mut self) -> Result<()> {
        self.unmount()?;
        self.format()?;
        self.mount()
    }

    /// Cuts the power. What is written from now on fails.
    ///
    /// # Errors
    /// It is refused.
    pub fn cut(&self) -> Result<()> {
        run(Command::new("perl").args(["-e", CUT]).arg(self.place()))
    }

    /// The power is back: the same file system, as it was on the disk. Nobody may use it.
    ///
    /// # Errors
    /// It is in use, or does not come back.
    pub fn restore(&mut self) -> Result<()> {
        self.unmount()?;
        self.mount()
    }
}

impl Drop for Volume {
    fn drop(&mut self) {
        if self.mounted {
            let _ = run(Command::new("umount").arg("-l").arg(self.place()));
        }
    }
}

fn may_mount(folder: &Path) -> Result<()> {
    ensure!(std::fs::metadata(folder)?.uid() == 0, "this is not root");
    ensure!(
        Path::new("/dev/loop-control").exists(),
        "there are no loop devices"
    );
    run(Command::new("perl").args(["-e", "1"])).context("perl")?;
    run(Command::new("mkfs.ext4").arg("-V")).context("mkfs.ext4")
}

fn run(command: &mut Command) -> Result<()> {
    let Output { status, stderr, .. } = command
        .output()
        .with_context(|| format!("run {}", command.get_program().display()))?;
    ensure!(
        status.success(),
        "{}: {status}: {}",
        command.get_program().display(),
        String::from_utf8_lossy(&stderr).trim()
    );
    Ok(())
}

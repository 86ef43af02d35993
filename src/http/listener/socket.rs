//! Sockets to accept from, and who is at the other end.
//!
//! A Unix socket appears under its name only once its mode is set: it is bound under another name
//! and renamed. What is left there by a daemon that died is replaced, what answers is not.

use super::limits::BACKLOG;
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use tokio::net::{TcpListener, TcpSocket, TcpStream, UnixListener, UnixStream};

/// Mode of the Unix socket: its owner and its group may connect, nobody else.
const SOCKET_MODE: u32 = 0o660;
/// The bit that lets anybody connect.
const OTHERS_WRITE: u32 = 0o002;

/// A socket that could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// A TCP address that cannot be had.
    #[error("listen on {address}")]
    Tcp {
        /// The address.
        address: SocketAddr,
        /// Why not.
        source: io::Error,
    },
    /// A socket file that cannot be made.
    #[error("listen on {}", path.display())]
    Unix {
        /// Its path.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// Another process answers there.
    #[error("listen on {}: another process answers there", path.display())]
    Answered {
        /// The socket's path.
        path: PathBuf,
    },
    /// Something that is no socket is in the way; we do not delete it.
    #[error("listen on {}: there is a file that is no socket", path.display())]
    Occupied {
        /// Its path.
        path: PathBuf,
    },
    /// A socket that was handed to us cannot be used.
    #[error("take over a listening socket")]
    Inherited {
        /// Why not.
        source: io::Error,
    },
}

/// A socket to accept from.
#[derive(Debug)]
pub enum Socket {
    /// TCP.
    Tcp(TcpListener),
    /// A Unix socket.
    Unix(UnixSocket),
}

impl Socket {
    /// Listens on a TCP address. A restart does not wait for the connections of the daemon
    /// before it (`SO_REUSEADDR`).
    ///
    /// # Errors
    ///
    /// An address that is taken, not ours, or reserved.
    pub fn tcp(address: SocketAddr) -> Result<Self, BindError> {
        let listen = || {
            let socket = match address {
                SocketAddr::V4(_) => TcpSocket::new_v4()?,
                SocketAddr::V6(_) => TcpSocket::new_v6()?,
            };
            socket.set_reuseaddr(true)?;
            socket.bind(address)?;
            socket.listen(BACKLOG)
        };
        listen()
            .map(Self::Tcp)
            .map_err(|source| BindError::Tcp { address, source })
    }

    /// Listens on a Unix socket at `path`.
    ///
    /// # Errors
    ///
    /// [`BindError::Answered`] when another process listens there, [`BindError::Occupied`] when a
    /// file is there that is no socket.
    pub async fn unix(path: &Path) -> Result<Self, BindError> {
        UnixSocket::bind(path).await.map(Self::Unix)
    }

    /// Takes over a TCP socket that listens already, as systemd hands them to a service.
    ///
    /// # Errors
    ///
    /// A socket the runtime cannot use.
    pub fn inherited_tcp(listener: std::net::TcpListener) -> Result<Self, BindError> {
        let take = || {
            listener.set_nonblocking(true)?;
            TcpListener::from_std(listener)
        };
        take()
            .map(Self::Tcp)
            .map_err(|source| BindError::Inherited { source })
    }

    /// Takes over a Unix socket that listens already; its file stays when we end.
    ///
    /// # Errors
    ///
    /// A socket the runtime cannot use, or one without a file.
    pub fn inherited_unix(listener: std::os::unix::net::UnixListener) -> Result<Self, BindError> {
        let take = || {
            listener.set_nonblocking(true)?;
            let address = listener.local_addr()?;
            let path = address
                .as_pathname()
                .ok_or_else(|| io::Error::from(io::ErrorKind::AddrNotAvailable))?
                .to_owned();
            Ok(UnixSocket {
                listener: UnixListener::from_std(listener)?,
                path,
                made: None,
                own_uid: own_uid()?,
            })
        };
        take()
            .map(Self::Unix)
            .map_err(|source| BindError::Inherited { source })
    }

    /// The TCP address, with the port the system chose if it was asked to.
    #[must_use]
    pub fn address(&self) -> Option<SocketAddr> {
        match self {
            Self::Tcp(listener) => listener.local_addr().ok(),
            Self::Unix(_) => None,
        }
    }

    /// The next connection.
    pub(super) async fn accept(&self) -> io::Result<(Stream, Peer)> {
        match self {
            Self::Tcp(listener) => {
                let (stream, address) = listener.accept().await?;
                // Answers are short: waiting to fill a packet only delays them.
                stream.set_nodelay(true)?;
                Ok((Stream::Tcp(stream), Peer::Tcp(address)))
            }
            Self::Unix(socket) => {
                let (stream, _) = socket.listener.accept().await?;
                let caller = socket.caller(&stream)?;
                Ok((Stream::Unix(stream), Peer::Unix(caller)))
            }
        }
    }
}

/// An accepted connection.
#[derive(Debug)]
pub(super) enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream),
}

/// Who is at the other end. Handlers find it among a request's extensions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Peer {
    /// A TCP client; behind a proxy, the proxy.
    Tcp(SocketAddr),
    /// A process of this machine.
    Unix(Caller),
}

/// A process at the other end of the Unix socket, as the kernel saw it connect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Caller {
    /// Its user.
    pub uid: u32,
    /// Its first group.
    pub gid: u32,
    /// Its process id, if the system says.
    pub pid: Option<i32>,
    /// Whether it may give orders; the listener answers 403 to one that may not.
    pub allowed: bool,
}

/// A Unix socket and its file.
#[derive(Debug)]
pub struct UnixSocket {
    listener: UnixListener,
    path: PathBuf,
    /// Device and inode of the file, if we made it.
    made: Option<(u64, u64)>,
    own_uid: u32,
}

impl UnixSocket {
    async fn bind(path: &Path) -> Result<Self, BindError> {
        let failed = |source| BindError::Unix {
            path: path.to_owned(),
            source,
        };
        clear(path).await?;
        let mut draft = path.as_os_str().to_owned();
        draft.push(".new");
        let draft = PathBuf::from(draft);
        clear(&draft).await?;
        let publish = || {
            match std::fs::remove_file(&draft) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
            let listener = UnixListener::bind(&draft)?;
            std::fs::set_permissions(&draft, std::fs::Permissions::from_mode(SOCKET_MODE))?;
            let metadata = std::fs::symlink_metadata(&draft)?;
            std::fs::rename(&draft, path)?;
            Ok(Self {
                listener,
                path: path.to_owned(),
                made: Some((metadata.dev(), metadata.ino())),
                own_uid: own_uid()?,
            })
        };
        publish().map_err(failed)
    }

    fn caller(&self, stream: &UnixStream) -> io::Result<Caller> {
        let credentials = stream.peer_cred()?;
        let (uid, gid) = (credentials.uid(), credentials.gid());
        let file = std::fs::metadata(&self.path).ok();
        let file = file.map(|file| (file.mode(), file.gid()));
        let allowed = may_give_orders((uid, gid), self.own_uid, file);
        Ok(Caller {
            uid,
            gid,
            pid: credentials.pid(),
            allowed,
        })
    }
}

/// Whether a process of this user and first group may give orders, given the mode and group of the
/// socket's file.
///
/// The credentials name a process's first group only. A member by another group is let in by the
/// file's mode, which the kernel checked when it connected; where that mode lets anybody in, it
/// proves nothing.
fn may_give_orders(caller: (u32, u32), own_uid: u32, file: Option<(u32, u32)>) -> bool {
    let (uid, gid) = caller;
    let by_file = file.is_some_and(|(mode, group)| mode & OTHERS_WRITE == 0 || gid == group);
    uid == 0 || uid == own_uid || by_file
}

impl Drop for UnixSocket {
    fn drop(&mut self) {
        let Some(made) = self.made else { return };
        let ours = std::fs::symlink_metadata(&self.path)
            .is_ok_and(|file| (file.dev(), file.ino()) == made);
        if ours && let Err(error) = std::fs::remove_file(&self.path) {
            let error = crate::telemetry::chain(&error);
            tracing::warn!(event = "socket_file_left", path = %self.path.display(), error);
        }
    }
}

/// Makes sure that nobody listens at `path` and that only a socket is replaced.
async fn clear(path: &Path) -> Result<(), BindError> {
    let failed = |source| BindError::Unix {
        path: path.to_owned(),
        source,
    };
    match std::fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(failed(error)),
        Ok(file) if !file.file_type().is_socket() => {
            return Err(BindError::Occupied {
                path: path.to_owned(),
            });
        }
        Ok(_) => {}
    }
    match UnixStream::connect(path).await {
        // A listener whose backlog is full is a listener.
        Ok(_) => Err(BindError::Answered {
            path: path.to_owned(),
        }),
        Err(error) => match error.kind() {
            io::ErrorKind::WouldBlock => Err(BindError::Answered {
                path: path.to_owned(),
            }),
            io::ErrorKind::ConnectionRefused | io::ErrorKind::NotFound => Ok(()),
            _ => Err(failed(error)),
        },
    }
}

/// The user this process acts as, asked of the kernel through a connection to ourselves.
fn own_uid() -> io::Result<u32> {
    let (stream, _other) = UnixStream::pair()?;
    Ok(stream.peer_cred()?.uid())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_come_from_root_ourselves_and_the_group() {
        let (ours, group) = (100, 200);
        let (guarded, open) = (Some((0o140_660, group)), Some((0o140_666, group)));
        for (caller, file, allowed) in [
            ((0, 0), open, true),
            ((0, 0), None, true),
            ((ours, 5), open, true),
            ((7, group), open, true),
            ((7, 7), open, false),
            ((7, 7), guarded, true),
            ((7, group), None, false),
        ] {
            assert_eq!(
                may_give_orders(caller, ours, file),
                allowed,
                "{caller:?} {file:?}"
            );
        }
    }
}

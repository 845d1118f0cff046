// A part of a file that is an answer's body: see file_flow.h. Plain state; the flow changes it.
#pragma once

#include <cstdint>
#include <memory>

#include "edge/list.h"
#include "runtime/edge/file_reader.h"
#include "runtime/edge/parts.h"

namespace moln::edge_loop {

struct Exchange;
struct ByFile;

// Where it comes from, and so who else can be asked for it if it cannot be read.
enum class FileOf : std::uint8_t {
    site,          // nobody
    cache,         // the app, until some of the answer has left
    cached_slice,  // the app
};

// It holds the file: who replaces or drops it does not reach what was begun. Its timer runs while
// it waits for the disk.
struct FileBody : edge::ListLink<ByFile>, Timed {
    Exchange* exchange = nullptr;
    std::shared_ptr<const Fd> file;
    std::uint64_t at = 0;      // in the file: what was not yet taken from there
    std::uint64_t end = 0;     // what is sent ends before it
    std::uint64_t seen = 0;    // the kernel had it in memory up to there,
    std::int64_t seen_ms = 0;  // at that time
    FileOf of = FileOf::site;
    bool more = false;        // the answer goes on behind it
    bool filled = false;      // to_client has some of it
    bool begun = false;       // some of the answer has left
    bool by_hand = false;     // the file system has no sendfile, or that gave an error
    bool late = false;        // it has waited for long enough
    bool unreadable = false;  // the disk gave an error or hangs, or it is shorter than it was
    std::shared_ptr<FileRead> read;  // that is waited for
};

}  // namespace moln::edge_loop

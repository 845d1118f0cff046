// Parts of files as the bodies of answers: of a site, and of what lies on the cache's disk. What
// the kernel has in memory is sent at once, from there to the socket where nothing stands between;
// for what it has not others wait (file_reader.h), no worker does.
#pragma once

#include <cstdint>
#include <memory>

#include "io/file/fd.h"
#include "runtime/edge/flow.h"

namespace moln::edge_loop {

struct FilePart {
    std::shared_ptr<const Fd> file;
    std::uint64_t at = 0;
    std::uint64_t end = 0;
    FileOf of = FileOf::site;
    bool more = false;   // the answer goes on behind it
    bool begun = false;  // the client has some of the answer: its head, or what lies before this
};
// It follows the head that is in to_client, if one is.
void begin_file(Core& core, Exchange& exchange, FilePart part);
// done: all of it was sent, the head before it too. gone: the client is, or it cannot be read any
// more: then `unreadable` of the exchange's file_body says so.
Flow pump_file(Core& core, Exchange& exchange);
// Of one that cannot be read: nothing of the answer has left, and there is none any more; another
// may be given. False: the client has some of it.
bool withdraw_file(Core& core, Exchange& exchange);
// Those whose bytes were waited for go on.
void serve_file_news(Core& core);
// What a disk that hangs has owed for too long cannot be read.
void on_file_timer(Core& core, FileBody& body);
template <typename Consider>
void each_file_deadline(Core& core, Consider&& consider) {
    for (auto* list : {&core.file_load_timers, &core.file_read_timers}) {
        if (const FileBody* body = list->front()) consider(body->deadline_ms);
    }
}
void leave_file(Core& core, Exchange& exchange);

}  // namespace moln::edge_loop

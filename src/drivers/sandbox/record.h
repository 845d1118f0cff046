// What is kept on disk of a sandbox, without its secrets: enough to find, judge, restart and remove
// it after our own end or a reboot.
#pragma once

#include <optional>
#include <string>

#include "drivers/sandbox/paths.h"
#include "io/file/files.h"
#include "model/codec.h"
#include "ports/sandboxes.h"

namespace moln {

struct SandboxRecord {
    InstanceId instance;
    AppId app;
    std::int64_t generation = 0;
    ImageRef image;
    std::int64_t uid_base = 0;
    Bytes memory;
    std::int64_t cpu_millis = 0;
    std::int64_t pids = 0;
    std::int64_t network = 0;
    std::int64_t address_slot = 0;
    std::vector<VolumeId> volumes;  // in the order of the mounts
    bool terminal = false;
    bool open_input = false;
    bool one_shot = false;  // belongs to a call: nobody adopts it
};
BOOST_DESCRIBE_STRUCT(SandboxRecord, (),
                      (instance, app, generation, image, uid_base, memory, cpu_millis, pids,
                       network, address_slot, volumes, terminal, open_input, one_shot))

struct SandboxStarted {
    WallTime at;
};
BOOST_DESCRIBE_STRUCT(SandboxStarted, (), (at))

SandboxRecord record_of(const SandboxSpec& spec);

// Nothing if there is no file. One that cannot be read is an error: guessing could lose data.
template <typename T>
Result<std::optional<T>> read_kept(const std::string& path) {
    const auto text = read_file(path);
    if (!text) {
        if (text.error().code == ErrorCode::not_found) return std::optional<T>{};
        return fail(text.error());
    }
    if (text->empty()) return std::optional<T>{};  // unsynced, and the power was lost
    auto value = from_json_text<T>(*text, UnknownFields::ignore);
    if (!value) return fail(ErrorCode::corrupt, path + ": " + value.error().reason);
    return std::optional<T>(std::move(*value));
}

template <typename T>
Status write_kept(const std::string& path, const T& value,
                  Durability durability = Durability::synced) {
    return write_file(path, to_json_text(value), 0600, durability);
}

}  // namespace moln

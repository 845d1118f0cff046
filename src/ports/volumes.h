// The bytes of volumes and the trash on a node. Blocking, idempotent; see sandboxes.h.
#pragma once

#include <string>
#include <vector>

#include "base/id.h"
#include "base/result.h"
#include "base/units.h"
#include "model/resources.h"

namespace moln {

struct VolumeSeen {
    VolumeId volume;
    Bytes used;
    Bytes size;
    bool size_enforced = false;  // by a file system of its own or a project quota
};

class Volumes {
public:
    virtual ~Volumes() = default;

    virtual Result<std::vector<VolumeSeen>> recover() = 0;
    // Makes an empty volume; ok if it is there already (its bytes are kept).
    virtual Status create(const Volume& volume) = 0;
    virtual Result<VolumeSeen> inspect(const VolumeId& volume) = 0;
    // Moves the volume's bytes to the trash, and back. Both are renames on one file system, so
    // that a crash leaves the bytes in one place or the other. Ok if it is there already.
    virtual Result<Bytes> to_trash(const VolumeId& volume, const TrashId& trash) = 0;
    virtual Status from_trash(const TrashId& trash, const VolumeId& volume) = 0;
    // Destroys bytes: the only call of the whole product that does. Ok if nothing is there.
    virtual Status purge(const TrashId& trash) = 0;
    // Copies what a trashed writable layer holds to `target`, a new folder; nothing is overwritten.
    virtual Status extract(const TrashId& trash, const std::string& target) = 0;
};

}  // namespace moln

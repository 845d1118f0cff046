#include "runtime/edge/shared_purges.h"

#include <new>
#include <utility>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

namespace moln::edge_loop {
namespace {

using edge::PurgeTable;

// Nobody can cut it off under who reads it.
constexpr int k_seals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;

// Null: it cannot be had.
void* map(const Fd& fd) {
    void* at = ::mmap(nullptr, sizeof(PurgeTable), PROT_READ | PROT_WRITE, MAP_SHARED, fd.get(), 0);
    return at == MAP_FAILED ? nullptr : at;
}

std::shared_ptr<PurgeTable> owned(PurgeTable* table) {
    return {table, [](PurgeTable* mapped) { ::munmap(mapped, sizeof(PurgeTable)); }};
}

bool is_whole(const Fd& fd) {
    struct stat seen{};
    return ::fcntl(fd.get(), F_GET_SEALS) == k_seals && ::fstat(fd.get(), &seen) == 0 &&
           seen.st_size == static_cast<off_t>(sizeof(PurgeTable));
}

}  // namespace

SharedPurges make_purges() {
    Fd fd(::memfd_create("purges", MFD_CLOEXEC | MFD_ALLOW_SEALING));
    const bool made = fd.valid() && ::ftruncate(fd.get(), sizeof(PurgeTable)) == 0 &&
                      ::fcntl(fd.get(), F_ADD_SEALS, k_seals) == 0;
    if (void* at = made ? map(fd) : nullptr) {
        return {.fd = std::move(fd), .table = owned(new (at) PurgeTable)};
    }
    return {.fd = {}, .table = std::make_shared<PurgeTable>()};
}

std::optional<SharedPurges> adopt_purges(Fd fd) {
    if (!is_whole(fd)) return std::nullopt;
    void* at = map(fd);
    if (at == nullptr) return std::nullopt;
    auto table = owned(std::launder(static_cast<PurgeTable*>(at)));
    if (table->layout != PurgeTable::k_layout) return std::nullopt;
    return SharedPurges{.fd = std::move(fd), .table = std::move(table)};
}

}  // namespace moln::edge_loop

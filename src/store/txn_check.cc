#include "store/txn_check.h"

#include <algorithm>
#include <vector>

#include <fmt/format.h>

namespace moln {
namespace {

// A key may hold any bytes; what users and logs see of it is short and printable.
std::string printable(std::string_view key) {
    std::string out;
    for (const char c : key.substr(0, 80)) out += (c >= ' ' && c <= '~') ? c : '?';
    if (key.size() > 80) out += "…";
    return out;
}

}  // namespace

Status check_prefix(std::string_view prefix) {
    if (prefix.size() <= k_store_key_bytes_max) return {};
    return fail(ErrorCode::invalid,
                fmt::format("store key \"{}\" has {} bytes, at most {} are allowed",
                            printable(prefix), prefix.size(), k_store_key_bytes_max));
}

Status check_key(std::string_view key) {
    if (key.empty()) return fail(ErrorCode::invalid, "a store key is empty");
    return check_prefix(key);
}

Status check_after(std::int64_t after) {
    if (after >= 0) return {};
    return fail(ErrorCode::invalid, fmt::format("store revision {} is negative", after));
}

Status check_txn(const StoreTxn& txn) {
    const auto operations = txn.compares.size() + txn.writes.size();
    if (operations > k_store_txn_operations_max) {
        return fail(ErrorCode::invalid,
                    fmt::format("a store transaction has {} operations, at most {} are allowed",
                                operations, k_store_txn_operations_max));
    }
    for (const auto& compare : txn.compares) {
        MOLN_TRY(check_key(compare.key));
        MOLN_TRY(check_after(compare.mod_revision));
    }
    std::vector<std::string_view> keys;
    keys.reserve(txn.writes.size());
    for (const auto& write : txn.writes) {
        MOLN_TRY(check_key(write.key));
        if (write.value && write.value->size() > k_store_value_bytes_max) {
            return fail(
                ErrorCode::invalid,
                fmt::format("the value of store key \"{}\" has {} bytes, at most {} are "
                            "allowed",
                            printable(write.key), write.value->size(), k_store_value_bytes_max));
        }
        keys.push_back(write.key);
    }
    std::ranges::sort(keys);
    const auto twice = std::ranges::adjacent_find(keys);
    if (twice != keys.end()) {
        return fail(
            ErrorCode::invalid,
            fmt::format("store key \"{}\" is written twice in one transaction", printable(*twice)));
    }
    return {};
}

std::string prefix_end(std::string_view prefix) {
    std::string end(prefix);
    while (!end.empty() && end.back() == '\xff') end.pop_back();
    if (!end.empty()) end.back() = static_cast<char>(static_cast<unsigned char>(end.back()) + 1);
    return end;
}

std::unexpected<Error> lost_compare(const StoreCompare& compare, std::int64_t mod_revision) {
    const auto name = printable(compare.key);
    if (compare.mod_revision == 0) {
        return fail(ErrorCode::conflict, fmt::format("store key \"{}\" exists already", name));
    }
    if (mod_revision == 0) {
        return fail(ErrorCode::conflict, fmt::format("store key \"{}\" is gone", name));
    }
    return fail(ErrorCode::conflict,
                fmt::format("store key \"{}\" was changed in the meantime (revision {}, not {})",
                            name, mod_revision, compare.mod_revision));
}

std::unexpected<Error> history_gone(std::int64_t after, std::int64_t trimmed_to) {
    return fail(ErrorCode::not_found,
                fmt::format("the store keeps changes after revision {} only, not after {}: read "
                            "the whole range instead",
                            trimmed_to, after));
}

}  // namespace moln

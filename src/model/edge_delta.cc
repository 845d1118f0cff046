#include "model/edge_delta.h"

#include <algorithm>
#include <iterator>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>

#include <fmt/format.h>

#include "base/check.h"

namespace moln {
namespace {

// What an entry is found by, without a copy.
auto key(const EdgeRoute& route) {
    return std::tie(route.host, route.path);
}
auto key(const EdgeRouteKey& route) {
    return std::tie(route.host, route.path);
}
auto key(const EdgeApp& app) {
    return std::tie(app.app, app.process);
}
auto key(const EdgeAppKey& app) {
    return std::tie(app.app, app.process);
}
auto key(const EdgeEndpointsDelta& one) {
    return std::tie(one.app, one.process);
}
auto key(const EdgeEndpoint& endpoint) {
    return std::tie(endpoint.instance);
}
auto key(const InstanceId& instance) {
    return std::tie(instance);
}
auto key(const EdgeCertificate& certificate) {
    return std::tie(certificate.id);
}
auto key(const CertificateId& certificate) {
    return std::tie(certificate);
}

EdgeRouteKey key_copy(const EdgeRoute& route) {
    return {route.host, route.path};
}
EdgeAppKey key_copy(const EdgeApp& app) {
    return {app.app, app.process};
}
InstanceId key_copy(const EdgeEndpoint& endpoint) {
    return endpoint.instance;
}
CertificateId key_copy(const EdgeCertificate& certificate) {
    return certificate.id;
}

std::string name_of(const EdgeRouteKey& route) {
    return "route " + route.host + route.path;
}
std::string name_of(const EdgeAppKey& app) {
    return fmt::format("app {} process {}", app.app.text, app.process);
}
std::string name_of(const InstanceId& instance) {
    return "instance " + instance.text;
}
std::string name_of(const CertificateId& certificate) {
    return "certificate " + certificate.text;
}
std::string name_of(const auto& entry) {
    return name_of(key_copy(entry));
}
std::string name_of(const EdgeEndpointsDelta& one) {
    return name_of(EdgeAppKey{one.app, one.process});
}

constexpr auto k_before = [](const auto& a, const auto& b) { return key(a) < key(b); };
constexpr auto k_not_before = [](const auto& a, const auto& b) { return !(key(a) < key(b)); };

template <typename T>
bool is_strictly_sorted(const std::vector<T>& list) {
    return std::ranges::adjacent_find(list, k_not_before) == list.end();
}

template <typename T>
Status sort_list(std::vector<T>& list, std::string_view where) {
    if (is_strictly_sorted(list)) return {};
    std::ranges::stable_sort(list, k_before);
    const auto twice = std::ranges::adjacent_find(list, k_not_before);
    if (twice == list.end()) return {};
    return fail(ErrorCode::invalid, fmt::format("{}: {} is there twice", where, name_of(*twice)));
}

// Null: there is none.
template <typename List, typename Key>
auto find(List& list, const Key& wanted) -> decltype(list.data()) {
    const auto found = std::ranges::lower_bound(list, wanted, k_before);
    return found != list.end() && key(*found) == key(wanted) ? &*found : nullptr;
}

template <typename T, typename Gone>
void diff_list(const std::vector<T>& before, const std::vector<T>& after, std::vector<Gone>& gone,
               auto&& put) {
    auto old = before.begin();
    for (const T& one : after) {
        while (old != before.end() && key(*old) < key(one)) gone.push_back(key_copy(*old++));
        const bool known = old != before.end() && key(*old) == key(one);
        const T* was = known ? &*old++ : nullptr;
        if (was == nullptr || *was != one) put(was, one);
    }
    for (; old != before.end(); ++old) gone.push_back(key_copy(*old));
}

bool differ_in_endpoints_alone(const EdgeApp& a, const EdgeApp& b) {
    bool equal = true;
    boost::mp11::mp_for_each<
        boost::describe::describe_members<EdgeApp, boost::describe::mod_any_access>>([&](auto d) {
        using Member = std::remove_cvref_t<decltype(a.*d.pointer)>;
        if constexpr (!std::is_same_v<Member, std::vector<EdgeEndpoint>>) {
            equal = equal && a.*d.pointer == b.*d.pointer;
        }
    });
    return equal;
}

// `keys` without equal neighbours, all of them in the list, none of them put.
template <typename T, typename Gone>
Status check_list(const std::vector<T>& list, const std::vector<Gone>& gone,
                  const std::vector<T>& put, std::string_view where) {
    if (!is_strictly_sorted(gone) || !is_strictly_sorted(put)) {
        return fail(ErrorCode::invalid, fmt::format("{}: a list is not in its order", where));
    }
    for (const Gone& one : gone) {
        if (find(list, one) == nullptr) {
            return fail(ErrorCode::invalid,
                        fmt::format("{}: {} is to go and is not there", where, name_of(one)));
        }
        if (find(put, one) != nullptr) {
            return fail(ErrorCode::invalid,
                        fmt::format("{}: {} is to go and to stay", where, name_of(one)));
        }
    }
    return {};
}

Status check_endpoints(const EdgeSnapshot& snapshot, const EdgeDelta& delta) {
    if (!is_strictly_sorted(delta.endpoints)) {
        return fail(ErrorCode::invalid, "delta: endpoints are not in their order");
    }
    for (const auto& one : delta.endpoints) {
        const EdgeApp* app = find(snapshot.apps, one);
        if (app == nullptr || find(delta.apps_gone, one) != nullptr ||
            find(delta.apps, one) != nullptr) {
            return fail(ErrorCode::invalid,
                        fmt::format("delta: {} is not there to change endpoints of", name_of(one)));
        }
        MOLN_TRY(check_list(app->endpoints, one.gone, one.put, "delta: " + name_of(one)));
    }
    return {};
}

// Merges in one pass; few entries that are all known are changed where they are.
template <typename T, typename Gone>
void change_list(std::vector<T>& list, const std::vector<Gone>& gone, std::vector<T> put,
                 std::vector<Gone>& undo_gone, std::vector<T>& undo_put) {
    const bool in_place = gone.empty() && std::ranges::all_of(put, [&](const T& one) {
                              return find(list, one) != nullptr;
                          });
    if (in_place) {
        for (T& one : put) {
            std::swap(*find(list, one), one);
            undo_put.push_back(std::move(one));
        }
        return;
    }
    std::vector<T> merged;
    merged.reserve(list.size() + put.size() - gone.size());
    auto next = put.begin();
    auto leaving = gone.begin();
    for (T& old : list) {
        while (next != put.end() && key(*next) < key(old)) {
            undo_gone.push_back(key_copy(*next));
            merged.push_back(std::move(*next++));
        }
        const bool replaced = next != put.end() && key(*next) == key(old);
        const bool leaves = leaving != gone.end() && key(*leaving) == key(old);
        if (replaced) merged.push_back(std::move(*next++));
        if (leaves) ++leaving;
        if (!replaced && !leaves) {
            merged.push_back(std::move(old));
        } else {
            undo_put.push_back(std::move(old));
        }
    }
    for (; next != put.end(); ++next) {
        undo_gone.push_back(key_copy(*next));
        merged.push_back(std::move(*next));
    }
    list = std::move(merged);
}

template <typename List>
std::optional<List> change_whole(List& list, std::optional<List> put) {
    if (put) std::swap(list, *put);
    return put;
}

std::size_t entries(const EdgeDelta& delta) {
    std::size_t all = delta.routes_gone.size() + delta.routes.size() + delta.apps_gone.size() +
                      delta.certificates_gone.size() + delta.certificates.size();
    for (const auto& app : delta.apps) all += 1 + app.endpoints.size();
    for (const auto& one : delta.endpoints) all += 1 + one.gone.size() + one.put.size();
    return all;
}

EdgeDelta of_stamps(const EdgeDelta& delta) {
    EdgeDelta head;
    head.base_epoch = delta.base_epoch;
    head.base_version = delta.base_version;
    head.epoch = delta.epoch;
    head.version = delta.version;
    return head;
}

// Packs entries into lines. A line is {"delta":{stamps…,"last":…,"routes":[…],"apps":[…]…}}, the
// members that have nothing left out.
class LinePacker {
public:
    LinePacker(const EdgeDelta& delta, std::size_t bytes_max) : bytes_max_(bytes_max) {
        head_ = fmt::format(R"({{"delta":{{"base_epoch":{},"base_version":{},"epoch":{},)"
                            R"("version":{})",
                            delta.base_epoch, delta.base_version, delta.epoch, delta.version);
        line_ = head_;
    }

    template <typename T>
    Status add_all(std::string_view member, const std::vector<T>& list) {
        for (const T& one : list) {
            if (!add(member, to_json_text(one))) {
                return fail(ErrorCode::refused,
                            fmt::format("{} alone is more than a line of {} bytes holds",
                                        name_of(one), bytes_max_));
            }
        }
        return {};
    }
    template <typename List>
    Status add_whole(std::string_view member, const std::optional<List>& list) {
        if (!list) return {};
        close_member();
        const auto text = to_json_text(*list);
        const std::size_t needed = member.size() + 4 + text.size();
        if (line_.size() + needed + k_tail_max > bytes_max_) end_line();
        if (line_.size() + needed + k_tail_max > bytes_max_) {
            return fail(ErrorCode::refused, fmt::format("the {} alone are more than a line of {} "
                                                        "bytes holds",
                                                        member, bytes_max_));
        }
        line_ += fmt::format(R"(,"{}":{})", member, text);
        return {};
    }
    std::vector<std::string> finish() {
        close_member();
        lines_.push_back(line_ + R"(,"last":true}})");
        return std::move(lines_);
    }

private:
    static constexpr std::size_t k_tail_max = 16;  // ],"last":false}}

    bool add(std::string_view member, const std::string& text) {
        for (int attempt = 0; attempt < 2; ++attempt) {
            const std::size_t closing = member_.empty() ? 0 : 1;
            const std::size_t opening = member == member_ ? 1 : closing + member.size() + 5;
            if (line_.size() + opening + text.size() + k_tail_max <= bytes_max_) {
                if (member == member_) {
                    line_ += ',';
                } else {
                    close_member();
                    line_ += fmt::format(R"(,"{}":[)", member);
                    member_ = member;
                }
                line_ += text;
                return true;
            }
            end_line();
        }
        return false;
    }
    void close_member() {
        if (!member_.empty()) line_ += ']';
        member_ = {};
    }
    void end_line() {
        close_member();
        if (line_ == head_) return;
        lines_.push_back(line_ + R"(,"last":false}})");
        line_ = head_;
    }

    std::size_t bytes_max_;
    std::string head_;
    std::string line_;
    std::string_view member_;  // whose list is open
    std::vector<std::string> lines_;
};

template <typename T>
void append(std::vector<T>& all, std::vector<T>& more) {
    if (all.empty()) {
        all = std::move(more);
        return;
    }
    all.insert(all.end(), std::make_move_iterator(more.begin()),
               std::make_move_iterator(more.end()));
}

template <typename List>
void take_whole(std::optional<List>& all, std::optional<List>& more) {
    if (more) all = std::move(more);
}

}  // namespace

Status sort_snapshot(EdgeSnapshot& snapshot) {
    MOLN_TRY(sort_list(snapshot.routes, "snapshot"));
    MOLN_TRY(sort_list(snapshot.apps, "snapshot"));
    for (auto& app : snapshot.apps) {
        MOLN_TRY(sort_list(app.endpoints, "snapshot: " + name_of(app)));
    }
    return sort_list(snapshot.certificates, "snapshot");
}

EdgeDelta diff(const EdgeSnapshot& before, const EdgeSnapshot& after) {
    EdgeDelta delta;
    delta.base_epoch = before.epoch;
    delta.base_version = before.version;
    delta.epoch = after.epoch;
    delta.version = after.version;
    diff_list(before.routes, after.routes, delta.routes_gone,
              [&](const EdgeRoute*, const EdgeRoute& route) { delta.routes.push_back(route); });
    diff_list(before.apps, after.apps, delta.apps_gone, [&](const EdgeApp* was, const EdgeApp& is) {
        if (was == nullptr || !differ_in_endpoints_alone(*was, is)) {
            delta.apps.push_back(is);
            return;
        }
        EdgeEndpointsDelta& one = delta.endpoints.emplace_back();
        one.app = is.app;
        one.process = is.process;
        diff_list(was->endpoints, is.endpoints, one.gone,
                  [&](const EdgeEndpoint*, const EdgeEndpoint& endpoint) {
                      one.put.push_back(endpoint);
                  });
    });
    diff_list(before.certificates, after.certificates, delta.certificates_gone,
              [&](const EdgeCertificate*, const EdgeCertificate& certificate) {
                  delta.certificates.push_back(certificate);
              });
    if (before.challenges != after.challenges) delta.challenges = after.challenges;
    if (before.streams != after.streams) delta.streams = after.streams;
    if (before.ticket_keys != after.ticket_keys) delta.ticket_keys = after.ticket_keys;
    return delta;
}

Result<EdgeDelta> apply(EdgeSnapshot& snapshot, EdgeDelta delta) {
    if (delta.base_epoch != snapshot.epoch || delta.base_version != snapshot.version) {
        return fail(
            ErrorCode::conflict,
            fmt::format("delta: is of version {} (epoch {}), but version {} (epoch {}) is "
                        "here",
                        delta.base_version, delta.base_epoch, snapshot.version, snapshot.epoch));
    }
    for (auto& app : delta.apps) {
        MOLN_TRY(sort_list(app.endpoints, "delta: " + name_of(app)));
    }
    MOLN_TRY(check_list(snapshot.routes, delta.routes_gone, delta.routes, "delta"));
    MOLN_TRY(check_list(snapshot.apps, delta.apps_gone, delta.apps, "delta"));
    MOLN_TRY(check_endpoints(snapshot, delta));
    MOLN_TRY(
        check_list(snapshot.certificates, delta.certificates_gone, delta.certificates, "delta"));

    EdgeDelta undo;
    undo.base_epoch = delta.epoch;
    undo.base_version = delta.version;
    undo.epoch = snapshot.epoch;
    undo.version = snapshot.version;
    change_list(snapshot.routes, delta.routes_gone, std::move(delta.routes), undo.routes_gone,
                undo.routes);
    for (auto& one : delta.endpoints) {
        EdgeApp* app = find(snapshot.apps, one);
        CHECK(app != nullptr);
        EdgeEndpointsDelta back{.app = one.app, .process = one.process, .gone = {}, .put = {}};
        change_list(app->endpoints, one.gone, std::move(one.put), back.gone, back.put);
        undo.endpoints.push_back(std::move(back));
    }
    change_list(snapshot.apps, delta.apps_gone, std::move(delta.apps), undo.apps_gone, undo.apps);
    change_list(snapshot.certificates, delta.certificates_gone, std::move(delta.certificates),
                undo.certificates_gone, undo.certificates);
    undo.challenges = change_whole(snapshot.challenges, std::move(delta.challenges));
    undo.streams = change_whole(snapshot.streams, std::move(delta.streams));
    undo.ticket_keys = change_whole(snapshot.ticket_keys, std::move(delta.ticket_keys));
    snapshot.epoch = delta.epoch;
    snapshot.version = delta.version;
    return undo;
}

Result<std::vector<std::string>> delta_lines(const EdgeDelta& delta, std::size_t bytes_max) {
    LinePacker packer(delta, bytes_max);
    MOLN_TRY(packer.add_all("routes_gone", delta.routes_gone));
    MOLN_TRY(packer.add_all("routes", delta.routes));
    MOLN_TRY(packer.add_all("apps_gone", delta.apps_gone));
    MOLN_TRY(packer.add_all("apps", delta.apps));
    MOLN_TRY(packer.add_all("endpoints", delta.endpoints));
    MOLN_TRY(packer.add_all("certificates_gone", delta.certificates_gone));
    MOLN_TRY(packer.add_all("certificates", delta.certificates));
    MOLN_TRY(packer.add_whole("challenges", delta.challenges));
    MOLN_TRY(packer.add_whole("streams", delta.streams));
    MOLN_TRY(packer.add_whole("ticket_keys", delta.ticket_keys));
    return packer.finish();
}

Status join(EdgeDelta& all, EdgeDelta next) {
    if (all.last || of_stamps(all) != of_stamps(next)) {
        return fail(ErrorCode::invalid, "delta: a line is no part of the one before it");
    }
    if (entries(all) + entries(next) > k_delta_entries_max) {
        return fail(ErrorCode::refused,
                    fmt::format("delta: more than {} entries", k_delta_entries_max));
    }
    all.last = next.last;
    append(all.routes_gone, next.routes_gone);
    append(all.routes, next.routes);
    append(all.apps_gone, next.apps_gone);
    append(all.apps, next.apps);
    append(all.endpoints, next.endpoints);
    append(all.certificates_gone, next.certificates_gone);
    append(all.certificates, next.certificates);
    take_whole(all.challenges, next.challenges);
    take_whole(all.streams, next.streams);
    take_whole(all.ticket_keys, next.ticket_keys);
    return {};
}

}  // namespace moln

// Names of things as types: an AppId is not an InstanceId. Not their making: fresh ids come from
// ports/entropy.h, so that a decision stays a function of data.
#pragma once

#include <compare>
#include <functional>
#include <ostream>
#include <string>
#include <utility>

namespace moln {

template <typename Tag>
struct Id {
    std::string text;

    Id() = default;
    explicit Id(std::string value) : text(std::move(value)) {}

    bool empty() const { return text.empty(); }
    friend auto operator<=>(const Id&, const Id&) = default;
    friend bool operator==(const Id&, const Id&) = default;
    friend std::ostream& operator<<(std::ostream& out, const Id& id) { return out << id.text; }
};

using ProjectId = Id<struct ProjectTag>;          // "default"
using AppId = Id<struct AppTag>;                  // "project/name"
using InstanceId = Id<struct InstanceTag>;        // "web-7f3k2m": process, dash, six random letters
using VolumeId = Id<struct VolumeTag>;            // "vol-…"
using NodeId = Id<struct NodeTag>;                // the node's name
using TrashId = Id<struct TrashTag>;              // "tr-…"
using CertificateId = Id<struct CertificateTag>;  // "cert-…"

}  // namespace moln

template <typename Tag>
struct std::hash<moln::Id<Tag>> {
    std::size_t operator()(const moln::Id<Tag>& id) const noexcept {
        return std::hash<std::string>{}(id.text);
    }
};

// Every named limit that users can meet, in one place. A limit has a test at it and one past it.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/units.h"

namespace moln {

// Below this nothing new is begun: the store and what runs must be able to write on.
inline constexpr Bytes k_disk_reserve = mib(64);

inline constexpr std::size_t k_name_length_max = 40;  // of apps, processes, volumes, projects
inline constexpr std::size_t k_apps_max = 10'000;
inline constexpr std::size_t k_processes_per_app_max = 32;
inline constexpr std::int64_t k_instances_per_process_max = 1'000;
inline constexpr std::size_t k_routes_per_app_max = 256;
inline constexpr std::size_t k_volumes_per_app_max = 32;
inline constexpr std::size_t k_env_entries_max = 512;
inline constexpr std::size_t k_env_name_length_max = 128;
inline constexpr std::size_t k_env_value_bytes_max = 32 * 1024;
inline constexpr std::size_t k_env_bytes_max = 256 * 1024;
inline constexpr std::size_t k_secret_bytes_max = 64 * 1024;
inline constexpr std::size_t k_command_bytes_max = 32 * 1024;
inline constexpr std::size_t k_app_file_bytes_max = 256 * 1024;  // moln.toml, Procfile
inline constexpr Bytes k_memory_min = mib(8);
inline constexpr Bytes k_memory_max = gib(1024);
inline constexpr std::int64_t k_cpu_millis_min = 10;
inline constexpr std::int64_t k_cpu_millis_max = 1'024'000;
inline constexpr Bytes k_volume_size_max = gib(64 * 1024);
inline constexpr std::size_t k_certificates_max = 1'000;           // added by people
inline constexpr std::size_t k_local_certificates_max = 1'000;     // issued by the local authority
inline constexpr std::size_t k_acme_certificates_max = 1'000;      // of a public authority
inline constexpr std::size_t k_certificate_hosts_max = 100;        // of one certificate
inline constexpr std::size_t k_certificate_chain_max = 10;         // certificates of one chain
inline constexpr std::size_t k_certificate_bytes_max = 64 * 1024;  // chain and key, PEM
// Of all that were added: a snapshot of the edge's has room for them and for the routes.
inline constexpr Bytes k_certificates_size_max = mib(8);
inline constexpr Milliseconds k_hsts_max = days(730);
inline constexpr Milliseconds k_cache_time_max = days(365);  // each of a route's cache
inline constexpr std::size_t k_listens_max = 1'000;          // ports of streams, of all apps
inline constexpr Milliseconds k_udp_idle_default = seconds(60);
inline constexpr Milliseconds k_stream_idle_min = seconds(1);
inline constexpr Milliseconds k_stream_idle_max = days(30);
inline constexpr std::size_t k_releases_kept = 20;  // per app; older images are trashed
inline constexpr std::size_t k_events_kept = 10'000;
inline constexpr std::size_t k_source_files_max = 200'000;  // of one deployed folder
inline constexpr Bytes k_source_bytes_max = gib(4);
inline constexpr Bytes k_log_bytes_per_instance = mib(16);
inline constexpr Milliseconds k_trash_age_default = days(7);

}  // namespace moln

# cmake -DROOM=<folder> -P pure_room.cmake: fails where a source of the folder includes what a pure
# domain service may not: sockets, stores, clocks, files, threads, another room than core and base.
file(GLOB sources ${ROOM}/*.h ${ROOM}/*.cc)
if(NOT sources)
  message(FATAL_ERROR "no sources in ${ROOM}")
endif()
get_filename_component(name ${ROOM} NAME)
set(forbidden
  "zmq" "rocksdb" "sodium" "openssl" "<chrono>" "<ctime>" "<time.h>" "<sys/" "<unistd.h>" "<f?stream>"
  "<fstream>" "<iostream>" "<sstream>" "<cstdio>" "<stdio.h>" "<filesystem>" "<thread>" "<mutex>"
  "<random>" "absl/time/clock.h" "eventstore/base/clock.h" "eventstore/base/file.h"
  "eventstore/base/random.h" "eventstore/log" "eventstore/rocksdb" "eventstore/proof"
  "eventstore/vault" "eventstore/replica" "adapters/" "services/host")
foreach(source ${sources})
  file(STRINGS ${source} includes REGEX "^[ \t]*#[ \t]*include")
  foreach(line ${includes})
    foreach(word ${forbidden})
      if(line MATCHES "${word}")
        message(SEND_ERROR "${source}: ${line}: a domain service may not use ${word}")
      endif()
    endforeach()
    if(line MATCHES "\"services/([a-z_]+)/" AND NOT CMAKE_MATCH_1 STREQUAL name
       AND NOT CMAKE_MATCH_1 STREQUAL "core")
      message(SEND_ERROR "${source}: ${line}: domain services never depend on each other")
    endif()
  endforeach()
endforeach()

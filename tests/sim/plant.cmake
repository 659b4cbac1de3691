# Writes RESULT: the file SOURCE with FIND replaced by REPLACE. Fails when FIND is not there, so that no planted bug is quietly gone.
file(READ ${SOURCE} text)
string(FIND "${text}" "${FIND}" at)
if(at EQUAL -1)
  message(FATAL_ERROR "the bug \"${NAME}\" can no longer be planted: ${SOURCE} does not hold\n${FIND}\nName the present text in tests/sim/CMakeLists.txt")
endif()
string(REPLACE "${FIND}" "${REPLACE}" text "${text}")
file(WRITE ${RESULT} "${text}")

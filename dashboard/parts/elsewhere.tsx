// The page's own coordinator is away, and another one leads: where that is, and whether one has to
// log in there. Where nothing is lost by it the page goes there by itself after a moment, unless
// somebody wants to stay. Not here: finding it (../elsewhere.ts).

import { useEffect, useState } from 'preact/hooks'
import type { CoordinatorPlace } from '#proto/coordinator-place.ts'
import { addressThere, isSameLogin } from '../elsewhere.ts'
import { elsewhere } from '../others.ts'
import { route } from '../route.ts'
import { me } from '../session.ts'

const secondsToStay = 5

export function Elsewhere() {
  const place = elsewhere.value
  return place ? <Offer key={place.address} {...place} /> : null
}

function Offer(place: CoordinatorPlace) {
  const who = me.value
  const isOpen = typeof who === 'object' && who.open
  const isCarried = isOpen || isSameLogin(place, new URL(location.href))
  // In a VM's panel or at its screen something may have been typed that is kept for it here.
  const mayGo = isCarried && route.value.is !== 'vm'
  return (
    <aside class="banner elsewhere" aria-label="Another coordinator">
      <p role="alert">
        This page’s coordinator is away; <b>{place.name}</b> leads now.
        {!isCarried && ' You will have to log in there.'}
      </p>
      <a href={addressThere(place, location.hash)}>Go to {place.name}</a>
      {mayGo && <Countdown place={place} />}
    </aside>
  )
}

function Countdown({ place }: { place: CoordinatorPlace }) {
  const [left, setLeft] = useState<number | undefined>(secondsToStay)
  useEffect(() => {
    if (left === undefined) return
    if (left === 0) location.assign(addressThere(place, location.hash))
    const timer = setTimeout(() => setLeft(Math.max(0, left - 1)), 1000)
    return () => clearTimeout(timer)
  }, [left])
  if (left === undefined) return null
  return (
    <>
      <span>in {left} s</span>
      <button type="button" class="quiet" onClick={() => setLeft(undefined)}>
        Stay
      </button>
    </>
  )
}
